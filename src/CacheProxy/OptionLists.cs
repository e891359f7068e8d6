using System.Buffers;
using System.Net;

namespace CacheProxy;

/// <summary>Options that are lists in one text, separated by commas.</summary>
internal static class OptionLists
{
    /// <summary>The characters of a field name (RFC 9110 section 5.6.2).</summary>
    public static readonly SearchValues<char> TokenCharacters =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>The list's members without blanks around them; empty members do not count. <c>null</c> is an empty list.</summary>
    public static string[] Split(string? text) =>
        text?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];

    /// <summary>An address or CIDR range; <c>null</c> if it is neither. Bits below the prefix must be zero.</summary>
    public static IPNetwork? Network(string text)
    {
        if (IPAddress.TryParse(text, out var address) && (text.Contains('.') || text.Contains(':')))
            return new IPNetwork(address, address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? 32 : 128);
        return IPNetwork.TryParse(text, out var network) && network.BaseAddress.Equals(IPAddress.Parse(text[..text.IndexOf('/')])) ? network : null;
    }
}
