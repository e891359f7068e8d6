using System.Diagnostics;

namespace CacheProxy.Benchmarks.Load;

/// <summary>What a program says of itself.</summary>
internal static class Tool
{
    /// <summary>The first line that it writes, to either output; empty when it is not installed.</summary>
    public static string FirstLine(string file, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            var (output, error) = (process.StandardOutput.ReadLine(), process.StandardError.ReadLine());
            process.WaitForExit();
            return (output ?? error ?? "").Trim();
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "";
        }
    }
}
