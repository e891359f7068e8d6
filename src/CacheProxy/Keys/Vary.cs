using CacheProxy.Http;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Keys;

/// <summary>Which stored response a request selects (RFC 9111 section 4.1).</summary>
internal static class Vary
{
    /// <summary>More names than any origin has reason for; each costs a comparison at every request.</summary>
    public const int MaxFields = 32;

    /// <summary>
    /// The field names of all lines, without duplicates (names compared without case) and without those that never reach the origin;
    /// <c>null</c> when a <c>*</c> is among them, when a member is no name, when it is the client's address that decides, or when there
    /// are more than <see cref="MaxFields"/>: then no other request may be answered.
    /// </summary>
    public static string[]? Fields(StringValues lines)
    {
        if (lines.Count == 0)
            return [];

        var fields = new List<string>();
        foreach (var member in new FieldList(lines))
        {
            // "*" is itself a token.
            if (member is "*" || !Token.IsValid(member))
                return null;
            if (Contains(fields, member))
                continue;
            var name = member.ToString();
            if (ForwardedFields.TellsClientAddress(name) || fields.Count == MaxFields)
                return null;
            if (!ForwardedFields.IsNeverForwarded(name))
                fields.Add(name);
        }
        return [.. fields];
    }

    /// <summary>
    /// The values that select a variant: all lines joined, white space around list commas outside quotes taken out; <c>null</c> for an
    /// absent field.
    /// </summary>
    /// <remarks>Accept-Encoding is reduced to what origins know; Accept-Language loses white space, case and the order within a weight.</remarks>
    public static string?[] Values(string[] fields, IDictionary<string, StringValues> request)
    {
        if (fields.Length == 0)
            return [];

        var values = new string?[fields.Length];
        for (var i = 0; i < fields.Length; i++)
            values[i] = request.TryGetValue(fields[i], out var lines) ? VaryValue.Normalise(fields[i], lines) : null;
        return values;
    }

    /// <summary>Whether a request has those values. Allocates nothing in the plain case of equal text.</summary>
    public static bool Matches(string[] fields, string?[] values, IDictionary<string, StringValues> request)
    {
        for (var i = 0; i < fields.Length; i++)
        {
            request.TryGetValue(fields[i], out var lines);
            if (!VaryValue.Equals(fields[i], values[i], lines))
                return false;
        }
        return true;
    }

    /// <summary>As <see cref="Matches"/>, where the request's Accept-Language is not asked about; <c>false</c> when no field is that.</summary>
    public static bool MatchesButForLanguage(string[] fields, string?[] values, IDictionary<string, StringValues> request)
    {
        var isLanguage = false;
        for (var i = 0; i < fields.Length; i++)
        {
            if (VaryValue.IsAcceptLanguage(fields[i]))
                isLanguage = true;
            else if (!VaryValue.Equals(fields[i], values[i], request.TryGetValue(fields[i], out var lines) ? lines : default))
                return false;
        }
        return isLanguage;
    }

    private static bool Contains(List<string> fields, ReadOnlySpan<char> name)
    {
        foreach (var field in fields)
            if (name.Equals(field, StringComparison.OrdinalIgnoreCase))
                return true;
        return false;
    }
}
