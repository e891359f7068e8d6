namespace CacheProxy.Fetching;

/// <summary>Where the interim responses to one request go. It flows with the request, down to the connection that the request is written to.</summary>
internal abstract class InterimSink
{
    private static readonly AsyncLocal<InterimSink?> Flowing = new();

    /// <summary>Of the request that is being sent; <c>null</c> when nobody asks for any. Set it in an asynchronous method, which ends it.</summary>
    public static InterimSink? Current
    {
        get => Flowing.Value;
        set => Flowing.Value = value;
    }

    /// <summary>Takes an interim response, at once, or drops it.</summary>
    /// <param name="head">Its bytes as they go on.</param>
    public abstract void Offer(byte[] head);
}
