namespace CacheProxy.Pipeline;

/// <summary>An outcome as Cache-Status field value.</summary>
internal static class CacheStatusText
{
    public static string Of(in Outcome outcome, int statusCode) => "CacheProxy";
}
