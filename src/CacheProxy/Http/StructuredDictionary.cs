using System.Globalization;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Http;

/// <summary>Reads a Dictionary of RFC 9651 section 3.2. Parameters are read and dropped: no field that is read here has any.</summary>
internal static class StructuredDictionary
{
    /// <summary>
    /// The members by key, of a key that stands twice the last (section 4.2.2); <c>null</c> when the field is not one to the letter.
    /// </summary>
    public static Dictionary<string, StructuredItem>? Parse(StringValues lines)
    {
        var text = lines.Count == 1 ? lines[0].AsSpan() : string.Join(", ", lines.ToArray()).AsSpan();
        var reader = new Reader(text.Trim(' '));
        var members = new Dictionary<string, StructuredItem>(StringComparer.Ordinal);
        while (!reader.IsAtEnd)
        {
            if (!reader.TryKey(out var key) || !reader.TryMember(out var value))
                return null;
            members[key] = value;
            reader.SkipWhitespace();
            if (reader.IsAtEnd)
                return members;
            if (!reader.TryTake(','))
                return null;
            reader.SkipWhitespace();
            if (reader.IsAtEnd)
                return null; // a comma leads to a member
        }
        return members;
    }

    private ref struct Reader(ReadOnlySpan<char> text)
    {
        private ReadOnlySpan<char> _rest = text;

        public readonly bool IsAtEnd => _rest.IsEmpty;

        public void SkipWhitespace() => _rest = _rest.TrimStart(FieldList.Whitespace);

        public bool TryTake(char character)
        {
            if (_rest.IsEmpty || _rest[0] != character)
                return false;
            _rest = _rest[1..];
            return true;
        }

        public bool TryKey(out string key)
        {
            var length = 0;
            while (length < _rest.Length
                && (char.IsAsciiLetterLower(_rest[length]) || _rest[length] == '*'
                    || (length > 0 && (char.IsAsciiDigit(_rest[length]) || _rest[length] is '_' or '-' or '.'))))
                length++;
            key = _rest[..length].ToString();
            _rest = _rest[length..];
            return length > 0;
        }

        /// <summary>What stands behind a key: nothing (true), an item or an inner list; then parameters.</summary>
        public bool TryMember(out StructuredItem value)
        {
            value = StructuredItem.Of(true);
            return (!TryTake('=') || (_rest.StartsWith("(", StringComparison.Ordinal) ? TryInnerList(out value) : TryItem(out value))) && TryParameters();
        }

        private bool TryParameters()
        {
            while (TryTake(';'))
            {
                _rest = _rest.TrimStart(' ');
                if (!TryKey(out _) || (TryTake('=') && !TryItem(out _)))
                    return false;
            }
            return true;
        }

        private bool TryInnerList(out StructuredItem value)
        {
            value = default;
            var items = new List<StructuredItem>();
            _rest = _rest[1..];
            while (true)
            {
                var isSpaced = _rest.StartsWith(" ", StringComparison.Ordinal);
                _rest = _rest.TrimStart(' ');
                if (TryTake(')'))
                {
                    value = new StructuredItem(StructuredKind.InnerList, 0, null, items);
                    return true;
                }
                if ((items.Count > 0 && !isSpaced) || !TryItem(out var item) || !TryParameters())
                    return false;
                items.Add(item);
            }
        }

        private bool TryItem(out StructuredItem value)
        {
            value = default;
            if (_rest.IsEmpty)
                return false;
            return _rest[0] switch
            {
                '"' => TryString(out value),
                '?' => TryBoolean(out value),
                ':' => TryDelimited(":", 1, out value),
                '%' => _rest.StartsWith("%\"", StringComparison.Ordinal) && TryDelimited("\"", 2, out value),
                '@' => TryDate(out value),
                '-' or (>= '0' and <= '9') => TryNumber(out value),
                _ => TryToken(out value),
            };
        }

        private bool TryDate(out StructuredItem value)
        {
            _rest = _rest[1..];
            var isRead = TryNumber(out value) && value.Kind == StructuredKind.Integer;
            value = new StructuredItem(StructuredKind.Other);
            return isRead;
        }

        private bool TryNumber(out StructuredItem value)
        {
            value = default;
            var isNegative = TryTake('-');
            var whole = Digits();
            if (whole.Length == 0 || whole.Length > 15)
                return false;
            if (!_rest.StartsWith(".", StringComparison.Ordinal))
            {
                var number = long.Parse(whole, NumberStyles.None, CultureInfo.InvariantCulture);
                value = new StructuredItem(StructuredKind.Integer, isNegative ? -number : number);
                return true;
            }
            _rest = _rest[1..];
            value = new StructuredItem(StructuredKind.Other);
            return whole.Length <= 12 && Digits().Length is >= 1 and <= 3;
        }

        private ReadOnlySpan<char> Digits()
        {
            var length = 0;
            while (length < _rest.Length && char.IsAsciiDigit(_rest[length]))
                length++;
            var digits = _rest[..length];
            _rest = _rest[length..];
            return digits;
        }

        private bool TryString(out StructuredItem value)
        {
            value = default;
            var content = new System.Text.StringBuilder();
            for (var at = 1; at < _rest.Length; at++)
            {
                var character = _rest[at];
                if (character == '"')
                {
                    value = new StructuredItem(StructuredKind.String, 0, content.ToString());
                    _rest = _rest[(at + 1)..];
                    return true;
                }
                if (character == '\\' && (++at == _rest.Length || (character = _rest[at]) is not ('"' or '\\')))
                    return false;
                if (character is < ' ' or > '~')
                    return false;
                content.Append(character);
            }
            return false;
        }

        private bool TryBoolean(out StructuredItem value)
        {
            value = StructuredItem.Of(_rest.StartsWith("?1", StringComparison.Ordinal));
            var isRead = _rest.Length >= 2 && _rest[1] is '0' or '1';
            _rest = _rest[Math.Min(2, _rest.Length)..];
            return isRead;
        }

        /// <summary>Byte sequences and display strings: no field here has a use for them, so what is within is not looked at.</summary>
        private bool TryDelimited(string end, int from, out StructuredItem value)
        {
            value = new StructuredItem(StructuredKind.Other);
            var length = _rest[from..].IndexOf(end, StringComparison.Ordinal);
            if (length < 0)
                return false;
            _rest = _rest[(from + length + 1)..];
            return true;
        }

        private bool TryToken(out StructuredItem value)
        {
            var length = 0;
            while (length < _rest.Length && (Token.IsValid(_rest.Slice(length, 1)) || _rest[length] is ':' or '/'))
                length++;
            value = new StructuredItem(StructuredKind.Token, 0, _rest[..length].ToString());
            var isRead = length > 0 && (char.IsAsciiLetter(_rest[0]) || _rest[0] == '*');
            _rest = _rest[length..];
            return isRead;
        }
    }
}

internal enum StructuredKind
{
    /// <summary>A type that no field here uses: decimal, byte sequence, date, display string.</summary>
    Other,
    Boolean,
    Integer,
    String,
    Token,
    InnerList,
}

/// <summary>An item or inner list of a structured field.</summary>
/// <param name="Kind">Its type.</param>
/// <param name="Number">The integer; 1 or 0 for a boolean.</param>
/// <param name="Text">The string or token.</param>
/// <param name="Items">The members of an inner list.</param>
internal readonly record struct StructuredItem(StructuredKind Kind, long Number = 0, string? Text = null, IReadOnlyList<StructuredItem>? Items = null)
{
    public static StructuredItem Of(bool value) => new(StructuredKind.Boolean, value ? 1 : 0);

    public bool IsTrue => Kind == StructuredKind.Boolean && Number == 1;

    public bool IsFalse => Kind == StructuredKind.Boolean && Number == 0;
}
