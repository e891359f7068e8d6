namespace CacheProxy.Http;

/// <summary>
/// Writes Cache-Status members under one cache's name. Hits with up to an hour to live allocate nothing after the first of each.
/// </summary>
/// <remarks>Safe for any number of threads: two that write the same text for the first time both keep a right one.</remarks>
internal sealed class CacheStatusWriter(string name)
{
    private readonly string?[] _hits = new string?[3601];
    private readonly string _identifier = StructuredText.Item(name);

    public string Write(in CacheStatus status) => status.Write(_identifier);

    /// <summary><c>name; hit; ttl=57</c>.</summary>
    public string Hit(TimeSpan timeToLive)
    {
        var seconds = CacheStatus.Seconds(timeToLive);
        if (seconds < 0 || seconds >= _hits.Length)
            return Text(timeToLive);
        return _hits[seconds] ??= Text(timeToLive);
    }

    private string Text(TimeSpan timeToLive) => new CacheStatus { IsHit = true, TimeToLive = timeToLive }.Write(_identifier);
}
