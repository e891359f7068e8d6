using System.Text.RegularExpressions;

namespace CacheProxy.Coherence;

/// <summary>A rule on keys: entries whose key it matches and that began before it are meant.</summary>
public sealed class Ban
{
    /// <summary>How long one match may take before it counts as a match.</summary>
    public static readonly TimeSpan MatchTimeout = TimeSpan.FromMilliseconds(20);

    private readonly Regex? _pattern;

    /// <param name="kind">How <paramref name="text"/> is meant.</param>
    /// <param name="text">A prefix of keys, or a regular expression without look-around and back-references. 1 to 1024 characters.</param>
    /// <exception cref="ArgumentException">The text is empty, too long, or no such expression.</exception>
    public Ban(BanKind kind, string text)
    {
        if (text.Length is 0 or > 1024)
            throw new ArgumentException($"A ban is 1 to 1024 characters long, not {text.Length}.", nameof(text));
        Kind = kind;
        Text = text;
        if (kind != BanKind.Pattern)
            return;
        try
        {
            _pattern = new Regex(text, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, MatchTimeout);
        }
        catch (Exception exception) when (exception is ArgumentException or NotSupportedException)
        {
            throw new ArgumentException($"'{text}' is not a pattern: {exception.Message}", nameof(text));
        }
    }

    public BanKind Kind { get; }

    public string Text { get; }

    /// <summary>Whether the key is meant. A match that takes too long is one: it can only invalidate too much.</summary>
    public bool Matches(string key)
    {
        if (_pattern is null)
            return key.StartsWith(Text, StringComparison.Ordinal);
        try
        {
            return _pattern.IsMatch(key);
        }
        catch (RegexMatchTimeoutException)
        {
            return true;
        }
    }
}

/// <summary>How a ban's text is meant.</summary>
public enum BanKind : byte
{
    /// <summary>Keys that begin with it.</summary>
    Prefix,

    /// <summary>Keys that it matches as a regular expression, anywhere, in time linear in the key's length.</summary>
    Pattern,
}
