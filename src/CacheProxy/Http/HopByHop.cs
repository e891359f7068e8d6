using System.Collections.Frozen;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Http;

/// <summary>Fields that are for the next hop alone (RFC 9110 section 7.6.1; RFC 9111 section 3.1).</summary>
internal static class HopByHop
{
    private static readonly FrozenSet<string> Fixed = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase,
        "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authentication-Info", "Proxy-Authorization", "Proxy-Connection", "TE",
        "Transfer-Encoding", "Upgrade");

    private static readonly FrozenSet<string> EndToEnd = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase,
        "Age", "Authorization", "Cache-Control", "Content-Encoding", "Content-Length", "Content-Range", "Content-Type", "Cookie", "Date",
        "ETag", "Expires", "Host", "Last-Modified", "Pragma", "Set-Cookie", "Set-Cookie2", "Vary");

    /// <summary>Whether a field of a message is for the next hop only: one of the fixed list, or named by Connection.</summary>
    /// <param name="connection">All lines of the message's Connection field.</param>
    /// <param name="name">The field's name.</param>
    public static bool Contains(StringValues connection, string name) =>
        Fixed.Contains(name) || (connection.Count > 0 && IsNamed(connection, name) && !IsEndToEnd(name));

    /// <summary>
    /// Whether a field is for every recipient, so that no Connection may name it away: framing, authority, credentials, and what says how a
    /// response is stored. Section 7.6.1 forbids senders to name them; who does so tries to change what others see.
    /// </summary>
    public static bool IsEndToEnd(string name) => EndToEnd.Contains(name);

    private static bool IsNamed(StringValues connection, string name)
    {
        foreach (var option in new FieldList(connection))
            if (option.Equals(name, StringComparison.OrdinalIgnoreCase))
                return true;
        return false;
    }
}
