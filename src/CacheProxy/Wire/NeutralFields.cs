using System.Text;

namespace CacheProxy.Wire;

/// <summary>
/// Which request fields have no say in the answer to a hit that does not vary by them: they are forwarded on a miss, or describe the client, and neither the
/// server, nor routing, nor the cache reads them on the way to a hit.
/// </summary>
internal sealed class NeutralFields
{
    /// <summary>Not among them, on purpose: all that asks for another answer (Range, If-Range, If-Match, Authorization, Upgrade, Expect, TE, bodies), and X-Forwarded-Host.</summary>
    private static readonly string[] Neutral =
    [
        "user-agent", "accept", "accept-language", "accept-charset", "referer", "dnt", "priority", "save-data", "purpose", "sec-gpc",
        "sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site", "sec-fetch-user", "sec-purpose", "sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform",
        "upgrade-insecure-requests", "via", "x-real-ip", "x-request-id", "x-correlation-id", "from", "x-requested-with", "cdn-loop", "traceparent", "tracestate",
    ];

    /// <summary>Without the route's leave a client's Cache-Control and Pragma do not count.</summary>
    private static readonly string[] NeutralByRoute = ["cache-control", "pragma"];

    private readonly (byte[] Name, FieldMeaning Meaning)[][] _byLength = new (byte[], FieldMeaning)[32][];

    /// <param name="credentialFields">What the operator says carries credentials is not neutral.</param>
    public NeutralFields(IEnumerable<string> credentialFields)
    {
        var meanings = Neutral.Concat(NeutralByRoute).ToDictionary(name => name, _ => FieldMeaning.None, StringComparer.OrdinalIgnoreCase);
        meanings["host"] = FieldMeaning.Host;
        meanings["connection"] = FieldMeaning.Connection;
        meanings["cookie"] = FieldMeaning.Cookie;
        meanings["x-forwarded-proto"] = FieldMeaning.ForwardedScheme;
        meanings["x-forwarded-for"] = FieldMeaning.ForwardedFor;
        meanings["accept-encoding"] = FieldMeaning.AcceptEncoding;
        meanings["if-none-match"] = FieldMeaning.IfNoneMatch;
        meanings["if-modified-since"] = FieldMeaning.IfModifiedSince;
        foreach (var name in credentialFields)
            meanings.Remove(name);
        for (var length = 0; length < _byLength.Length; length++)
            _byLength[length] = [.. meanings.Where(m => m.Key.Length == length).Select(m => (Encoding.ASCII.GetBytes(m.Key), m.Value))];
    }

    /// <summary>What a field of that name means; names are compared without case.</summary>
    public FieldMeaning MeaningOf(ReadOnlySpan<byte> name)
    {
        if (name.Length < _byLength.Length)
            foreach (var (known, meaning) in _byLength[name.Length])
                if (Ascii.EqualsIgnoreCase(name, known))
                    return meaning;
        return FieldMeaning.Unknown;
    }
}

/// <summary>What a field means to a hit.</summary>
internal enum FieldMeaning
{
    /// <summary>Perhaps anything.</summary>
    Unknown,

    /// <summary>Nothing.</summary>
    None,
    Host,
    Connection,
    Cookie,
    ForwardedScheme,
    ForwardedFor,

    /// <summary>Nothing where the answer does not vary by it.</summary>
    AcceptEncoding,
    IfNoneMatch,

    /// <summary>Nothing beside If-None-Match (RFC 9110 section 13.1.3).</summary>
    IfModifiedSince,
}
