using System.Buffers;
using System.Net;
using System.Text;

namespace CacheProxy.Wire;

/// <summary>
/// A GET in the strict form that is answered on the connection: origin-form target, HTTP/1.1, one Host, and none but fields that have no say in
/// the answer. Borrowed from the bytes it was read from.
/// </summary>
/// <remarks>
/// Everything it is not sure of is not a plain request, and then it is Kestrel's: nothing is ever refused here. What it accepts, Kestrel must accept
/// and read in the same way; a fuzz test holds the two together. Whether the target is well formed need not be asked: only a key that has been
/// stored under exactly these characters is answered.
/// </remarks>
internal ref struct PlainRequest
{
    /// <summary>A head that is longer has other things in it than this is for.</summary>
    public const int MaxBytes = 4096;

    private static readonly SearchValues<byte> HostCharacters = SearchValues.Create("0123456789abcdefghijklmnopqrstuvwxyz.-"u8);
    private static readonly SearchValues<byte> AddressCharacters = SearchValues.Create("0123456789."u8);

    private bool _hasForwardedFor;
    private bool _hasIfModifiedSince;

    /// <summary>As it stood in the request line: begins with a slash, all of it visible ASCII.</summary>
    public ReadOnlySpan<byte> Target { get; private set; }

    /// <summary>Lower case, a name or an IPv4 address, perhaps with a port that is not 80 or 443.</summary>
    public ReadOnlySpan<byte> Host { get; private set; }

    public bool HasCookie { get; private set; }

    /// <summary>X-Forwarded-Proto, exactly <c>http</c> or <c>https</c>; empty when absent.</summary>
    public ReadOnlySpan<byte> ForwardedScheme { get; private set; }

    /// <summary>Empty when absent.</summary>
    public ReadOnlySpan<byte> AcceptEncoding { get; private set; }

    /// <summary>Empty when absent.</summary>
    public ReadOnlySpan<byte> IfNoneMatch { get; private set; }

    /// <summary>Of the head, in bytes.</summary>
    public int Length { get; private set; }

    /// <summary>Reads the first request in the bytes.</summary>
    /// <param name="bytes">What has come; may end anywhere.</param>
    /// <param name="maxFields">How many field lines Kestrel allows.</param>
    /// <param name="fields">Which fields have no say.</param>
    /// <param name="request">The request, when it is a plain one.</param>
    public static bool TryRead(ReadOnlySpan<byte> bytes, int maxFields, NeutralFields fields, out PlainRequest request)
    {
        request = default;
        if (bytes.Length > MaxBytes)
            bytes = bytes[..MaxBytes];
        if (!bytes.StartsWith("GET /"u8))
            return false;
        var rest = bytes[4..];
        var end = rest.IndexOfAnyExceptInRange((byte)'!', (byte)'~');
        if (end < 0 || !rest[end..].StartsWith(" HTTP/1.1\r\n"u8))
            return false;
        request.Target = rest[..end];
        rest = rest[(end + 11)..];

        for (var lines = 0; !rest.StartsWith("\r\n"u8); lines++)
        {
            // A field line: name, colon, value of visible ASCII and blanks.
            var colon = rest.IndexOf((byte)':');
            if (colon <= 0 || lines == maxFields)
                return false;
            var value = rest[(colon + 1)..];
            end = value.IndexOfAnyExceptInRange((byte)' ', (byte)'~');
            if (end < 0 || !value[end..].StartsWith("\r\n"u8) || !request.Take(fields.MeaningOf(rest[..colon]), value[..end].Trim((byte)' ')))
                return false;
            rest = value[(end + 2)..];
        }
        request.Length = bytes.Length - rest.Length + 2;
        return request.Host.Length > 0 && !(request._hasIfModifiedSince && request.IfNoneMatch.IsEmpty);
    }

    private bool Take(FieldMeaning meaning, ReadOnlySpan<byte> value)
    {
        switch (meaning)
        {
            case FieldMeaning.Host:
                if (Host.Length > 0 || !IsPlainHost(value))
                    return false;
                Host = value;
                return true;
            case FieldMeaning.Connection:
                return Ascii.EqualsIgnoreCase(value, "keep-alive"u8);
            case FieldMeaning.Cookie:
                HasCookie = true;
                return true;
            case FieldMeaning.AcceptEncoding:
                if (!AcceptEncoding.IsEmpty)
                    return false;
                AcceptEncoding = value;
                return true;
            case FieldMeaning.IfNoneMatch:
                if (!IfNoneMatch.IsEmpty)
                    return false;
                IfNoneMatch = value;
                return true;
            case FieldMeaning.IfModifiedSince:
                _hasIfModifiedSince = true;
                return true;
            case FieldMeaning.ForwardedScheme:
                var isFirst = ForwardedScheme.IsEmpty;
                ForwardedScheme = value;
                return isFirst && (value.SequenceEqual("https"u8) || value.SequenceEqual("http"u8));
            case FieldMeaning.ForwardedFor:
                // A list, or what is no address, may keep the scheme beside it from being believed.
                var isOnly = !_hasForwardedFor;
                _hasForwardedFor = true;
                return isOnly && IsIPv4(value);
            default:
                return meaning == FieldMeaning.None;
        }
    }

    private static bool IsIPv4(ReadOnlySpan<byte> value) =>
        value.Count((byte)'.') == 3 && !value.ContainsAnyExcept(AddressCharacters) && IPAddress.TryParse(value, out _);

    /// <summary>In the form that is keyed: no capitals, and no port that a scheme implies.</summary>
    private static bool IsPlainHost(ReadOnlySpan<byte> host)
    {
        var colon = host.IndexOf((byte)':');
        var name = colon < 0 ? host : host[..colon];
        if (name.IsEmpty || name.ContainsAnyExcept(HostCharacters))
            return false;
        if (colon < 0)
            return true;
        var port = host[(colon + 1)..];
        return port.Length is > 0 and <= 5 && port[0] != '0' && port.IndexOfAnyExceptInRange((byte)'0', (byte)'9') < 0
            && !port.SequenceEqual("80"u8) && !port.SequenceEqual("443"u8);
    }
}
