using System.Text.Json;
using CacheProxy.Coherence;
using CacheProxy.Keys;

namespace CacheProxy.Invalidation;

/// <summary>What an operator wants purged, read from JSON that has been checked whole.</summary>
/// <param name="Kind">What the stored responses are named by: the member of the JSON.</param>
/// <param name="Invalidation">For the order.</param>
/// <param name="DryRun">Only to be counted.</param>
internal sealed record PurgeOrder(string Kind, Coherence.Invalidation Invalidation, bool DryRun)
{
    private static readonly string[] Selectors = ["url", "group", "tag", "prefix", "host", "pattern", "all"];
    private static readonly string[] Known = [.. Selectors, "origin", "strength", "dryRun"];
    private static readonly string[] Strengths = ["hard", "invalid", "soft"];

    /// <summary>Reads an order; each complaint names the member, its value and what is allowed.</summary>
    /// <returns><c>null</c> when there are complaints.</returns>
    public static PurgeOrder? Read(JsonElement json, ICollection<string> complaints)
    {
        if (json.ValueKind != JsonValueKind.Object)
        {
            complaints.Add("The body is a JSON object such as {\"url\": \"https://shop.example/items/1\"}.");
            return null;
        }
        foreach (var member in json.EnumerateObject().Where(member => !Known.Contains(member.Name)))
            complaints.Add($"{member.Name} is not known; known are {string.Join(", ", Known)}.");
        var strength = ReadStrength(json, complaints);
        var dryRun = ReadFlag(json, "dryRun", complaints) ?? false;
        var named = Selectors.Where(name => json.TryGetProperty(name, out _)).ToArray();
        if (named.Length != 1)
        {
            complaints.Add($"One of {string.Join(", ", Selectors)} is to be there, not {(named.Length == 0 ? "none" : string.Join(" and ", named))}.");
            return null;
        }
        if (json.TryGetProperty("origin", out _) && named[0] != "group")
            complaints.Add("origin goes with group alone.");
        var invalidation = ReadSelector(named[0], json, strength, complaints);
        return complaints.Count == 0 ? new PurgeOrder(named[0], invalidation!, dryRun) : null;
    }

    private static Coherence.Invalidation? ReadSelector(string name, JsonElement json, MarkStrength strength, ICollection<string> complaints)
    {
        if (name == "all")
        {
            if (ReadFlag(json, name, complaints) == false)
                complaints.Add("all is false; true is the only value that purges.");
            return new(strength, [Tag.All]);
        }
        if (ReadText(json, name, complaints) is not { } text)
            return null;
        switch (name)
        {
            case "url":
                return ReadKey(name, text, complaints) is { } key ? new(strength, Tags.OfUri(key)) : null;
            case "prefix":
                return ReadKey(name, text, complaints) is { } prefix ? Ban(name, strength, BanKind.Prefix, prefix, complaints) : null;
            case "host":
                if (Uri.CheckHostName(text.Split(':')[0]) == UriHostNameType.Unknown)
                    complaints.Add($"host is '{text}'; it is a host name, with its port unless that is the scheme's own: shop.example or 127.0.0.1:5000.");
                return Ban(name, strength, BanKind.Pattern, $"^https?://{Literal(text.ToLowerInvariant())}/", complaints);
            case "pattern":
                return Ban(name, strength, BanKind.Pattern, text, complaints);
            case "tag":
                return new(strength, [Tags.SurrogateKey(text)]);
            default:
                return ReadText(json, "origin", complaints) is { } origin && ReadKey("origin", origin, complaints) is { } ofOrigin
                    ? new(strength, [Tags.Group(ofOrigin, text)])
                    : null;
        }
    }

    /// <summary>A URL as it stands in the cache key.</summary>
    private static string? ReadKey(string name, string text, ICollection<string> complaints)
    {
        if (TargetUri.TryReadUrl(text, out var uri))
            return CacheKey.Text(uri);
        complaints.Add($"{name} is '{text}'; it is an absolute URL as clients use it, such as https://shop.example/items/1, without dot segments and fragment.");
        return null;
    }

    private static Coherence.Invalidation? Ban(string name, MarkStrength strength, BanKind kind, string text, ICollection<string> complaints)
    {
        try
        {
            return new(strength, [], new Ban(kind, text));
        }
        catch (ArgumentException refused)
        {
            complaints.Add($"{name}: {refused.Message}");
            return null;
        }
    }

    private static string Literal(string text) => System.Text.RegularExpressions.Regex.Escape(text);

    private static MarkStrength ReadStrength(JsonElement json, ICollection<string> complaints)
    {
        if (!json.TryGetProperty("strength", out var value))
            return MarkStrength.Hard;
        switch (value.ValueKind == JsonValueKind.String ? value.GetString() : null)
        {
            case "hard":
                return MarkStrength.Hard;
            case "invalid":
                return MarkStrength.Invalid;
            case "soft":
                return MarkStrength.Soft;
            default:
                complaints.Add($"strength is {value.GetRawText()}; it is one of {string.Join(", ", Strengths)}.");
                return MarkStrength.None;
        }
    }

    private static bool? ReadFlag(JsonElement json, string name, ICollection<string> complaints)
    {
        if (!json.TryGetProperty(name, out var value))
            return null;
        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False)
            return value.GetBoolean();
        complaints.Add($"{name} is {value.GetRawText()}; it is true or false.");
        return null;
    }

    private static string? ReadText(JsonElement json, string name, ICollection<string> complaints)
    {
        if (!json.TryGetProperty(name, out var value))
        {
            complaints.Add($"{name} is missing: the origin of the group, such as https://shop.example.");
            return null;
        }
        if (value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 and <= 8192 } text)
            return text;
        complaints.Add($"{name} is {Shown(value)}; it is a text of 1 to 8192 characters.");
        return null;
    }

    private static string Shown(JsonElement value) => value.GetRawText() is { Length: <= 100 } text ? text : "too long";
}
