using Microsoft.Extensions.Primitives;

namespace CacheProxy.Http;

/// <summary>
/// The members of a list field in all its lines (RFC 9110 section 5.6.1): commas divide outside quoted strings, white space around
/// members is taken off, empty members are passed over. A quote that is never closed quotes nothing: see <see cref="IsBroken"/>.
/// </summary>
internal ref struct FieldList
{
    private readonly StringValues _lines;
    private int _next;
    private ReadOnlySpan<char> _rest;

    public FieldList(StringValues lines) => _lines = lines;

    public FieldList(ReadOnlySpan<char> line) => _rest = line;

    public ReadOnlySpan<char> Current { get; private set; }

    /// <summary>Whether a quote without its partner has been met so far.</summary>
    public bool IsBroken { get; private set; }

    public readonly FieldList GetEnumerator() => this;

    public bool MoveNext()
    {
        while (true)
        {
            while (_rest.IsEmpty)
            {
                if (_next >= _lines.Count)
                    return false;
                _rest = _lines[_next++];
            }

            var end = EndOfMember();
            Current = _rest[..end].Trim(Whitespace);
            _rest = end < _rest.Length ? _rest[(end + 1)..] : default;
            if (!Current.IsEmpty)
                return true;
        }
    }

    /// <summary>OWS of RFC 9110 section 5.6.3: what may stand around a member.</summary>
    public const string Whitespace = " \t";

    private int EndOfMember()
    {
        var at = 0;
        while (true)
        {
            var step = _rest[at..].IndexOfAny(',', '"');
            if (step < 0)
                return _rest.Length;
            at += step;
            if (_rest[at] == ',')
                return at;

            var length = QuotedLength(_rest[at..]);
            IsBroken |= length == 0;
            at += Math.Max(length, 1);
        }
    }

    /// <summary>The length of the quoted string that the text begins with, quotes included; zero when it is not closed.</summary>
    private static int QuotedLength(ReadOnlySpan<char> text)
    {
        for (var at = 1; at < text.Length; at++)
        {
            if (text[at] == '"')
                return at + 1;
            if (text[at] == '\\')
                at++;
        }
        return 0;
    }
}
