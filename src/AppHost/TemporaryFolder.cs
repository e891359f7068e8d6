namespace AppHost;

/// <summary>A folder that goes, with all in it, when it is disposed of.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("cacheproxy-");

    public string Path => _folder.FullName;

    public void Dispose() => _folder.Delete(recursive: true);
}
