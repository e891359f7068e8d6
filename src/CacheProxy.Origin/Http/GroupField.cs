using System.Buffers;
using System.Security.Cryptography;
using System.Text;

namespace CacheProxy.Origin.Http;

/// <summary>
/// Writes <c>Cache-Groups</c> and <c>Cache-Group-Invalidation</c>: a List of Strings (RFC 9875 section 2, RFC 9651 section 3.1).
/// </summary>
internal static class GroupField
{
    public const string Groups = "Cache-Groups";
    public const string Invalidation = "Cache-Group-Invalidation";

    /// <summary>What every recipient takes in (RFC 9875 section 2): 32 members of 32 characters. A longer name is sent as its hash.</summary>
    public const int LongestName = 32;

    public const int MostNames = 32;

    private const int HashedBytes = 15;
    private static readonly SearchValues<char> Plain = SearchValues.Create(
        " !#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~");

    /// <summary>
    /// The name itself; or, if it is too long or has a character that a String cannot hold or must escape, <c>#</c> and half of its SHA-256. Both
    /// fields do it alike, and nothing but equality is asked of a name.
    /// </summary>
    public static string OnTheWire(string name) =>
        name.Length is > 0 and <= LongestName && !name.AsSpan().ContainsAnyExcept(Plain)
            ? name
            : "#" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)).AsSpan(0, HashedBytes));

    public static string Write(IEnumerable<string> names) => string.Join(", ", names.Select(name => $"\"{OnTheWire(name)}\""));
}
