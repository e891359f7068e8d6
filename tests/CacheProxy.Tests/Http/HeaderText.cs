using System.Text.RegularExpressions;
using CacheProxy.Http;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Tests.Http;

/// <summary>Heads from the text of a table row: <c>Cache-Control: max-age=60 | Date: @-10</c>.</summary>
/// <remarks>
/// Fields stand between bars; a field that stands twice has two lines; <c>@-10</c> is the date ten seconds before <see cref="Now"/>.
/// </remarks>
internal static partial class HeaderText
{
    public static readonly DateTimeOffset Now = new(2026, 3, 4, 5, 6, 7, TimeSpan.Zero);

    public static ResponseHead Response(string text, int status = 200) => new(status, null, Fields(text), Now);

    public static RequestHead Request(string text = "", string method = "GET") =>
        new(method, new Dictionary<string, StringValues>(Fields(text), StringComparer.OrdinalIgnoreCase));

    public static KeyValuePair<string, StringValues>[] Fields(string text)
    {
        var fields = new List<KeyValuePair<string, StringValues>>();
        foreach (var line in text.Split('|', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            var (name, value) = (line[..colon], Dates(line[(colon + 1)..].Trim()));
            var at = fields.FindIndex(field => field.Key.Equals(name, StringComparison.OrdinalIgnoreCase));
            if (at < 0)
                fields.Add(new(name, value));
            else
                fields[at] = new(name, StringValues.Concat(fields[at].Value, value));
        }
        return [.. fields];
    }

    /// <summary>The lines of one field: a bar divides them.</summary>
    public static StringValues Lines(string text) => text.Split('|');

    /// <summary>A field's text made of pieces that mean something to its parser, so that random text gets past the first character.</summary>
    public static Arbitrary<string> Made(params string[] pieces) =>
        Gen.Elements([.. pieces, ",", " ", "\"", "\\", "=", ";", "\t", "0", "9", "a", "\u00e9", "\0"])
            .ListOf().Select(string.Concat).ToArbitrary();

    private static string Dates(string value) =>
        Offset().Replace(value, match => HttpDate.Format(Now.AddSeconds(int.Parse(match.Groups[1].Value, null))));

    [GeneratedRegex(@"@([+-]\d+)")]
    private static partial Regex Offset();
}
