namespace CacheProxy;

/// <summary>How a client that has written is recognised when it reads, so that no node answers it from before its write.</summary>
public enum ReadYourWrites
{
    /// <summary>Not at all: nodes keep in step by themselves, within the staleness bound.</summary>
    None,

    /// <summary>The answer to a write has a field <c>CacheProxy-Seq</c>, which the client sends with its reads.</summary>
    Field,

    /// <summary>The answer to a write sets a cookie for a few seconds.</summary>
    Cookie,
}
