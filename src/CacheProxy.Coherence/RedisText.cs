using StackExchange.Redis;

namespace CacheProxy.Coherence;

/// <summary>Where Redis is, as text.</summary>
internal static class RedisText
{
    /// <summary>Whether the client understands it and it names a server.</summary>
    public static bool IsConfiguration(string text)
    {
        try
        {
            return ConfigurationOptions.Parse(text).EndPoints.Count > 0;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }
}
