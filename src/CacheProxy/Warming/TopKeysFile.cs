using System.Text;
using CacheProxy.Diagnostics;
using CacheProxy.Storage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace CacheProxy.Warming;

/// <summary>Writes the URLs that are hit most, each minute and at the stop, for the next start. Nothing that goes wrong with the file is anybody else's trouble.</summary>
internal sealed class TopKeysFile(HotKeys? keys, IOptions<CacheProxyOptions> options, TimeProvider time, ILogger<TopKeysFile> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);
    private const int WritesToHalve = 60;
    private bool _failed;

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (keys is not null)
            Write(keys);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        for (var writes = 1; keys is not null; writes++)
        {
            await Task.Delay(Interval, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (stoppingToken.IsCancellationRequested)
                return;
            Write(keys);
            if (writes % WritesToHalve == 0)
                keys.Halve();
        }
    }

    private void Write(HotKeys hot)
    {
        var warming = options.Value.Warming;
        var path = warming.TopKeysFile!;
        try
        {
            // Beside it, then in its place: who reads it finds one or the other whole. Queries may say much: for this user alone.
            var unfinished = path + ".new";
            File.Delete(unfinished);
            var create = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
                create.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            using (var file = new StreamWriter(unfinished, Encoding.ASCII, create))
            {
                file.Write("# URLs by how often they are answered from memory, the most first; written by CacheProxy\n");
                foreach (var key in hot.Top(warming.TopKeys))
                    file.Write(key + "\n");
            }
            File.Move(unfinished, path, overwrite: true);
            _failed = false;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            if (!_failed)
                Log.TopKeysNotWritten(log, path, failure.Message);
            _failed = true;
        }
    }
}
