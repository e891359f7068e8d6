using System.Net;
using CacheProxy.Coherence;
using CacheProxy.Keys;
using Microsoft.Extensions.Options;

namespace CacheProxy;

/// <summary>Checks that options are in range; each complaint names the key, the value and what is allowed.</summary>
internal sealed class CacheProxyOptionsValidator : IValidateOptions<CacheProxyOptions>
{
    private const long MiB = 1L << 20;
    private static readonly TimeSpan Year = TimeSpan.FromDays(365);
    private static readonly long DefaultMaxBodyBytes = new CacheProxyOptions().MaxBodyBytes;

    /// <summary>The largest body that these options store: a body is never more than a quarter of the budget.</summary>
    public static long LargestBody(CacheProxyOptions options) => Math.Min(options.MemoryBudgetBytes / 4, 1L << 30);

    public ValidateOptionsResult Validate(string? name, CacheProxyOptions options)
    {
        var complaints = new List<string>();
        Check(options, complaints);
        return complaints.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(complaints);
    }

    /// <summary>Adds a complaint for everything that is out of range.</summary>
    public static void Check(CacheProxyOptions options, ICollection<string> complaints)
    {
        const string at = CacheProxyOptions.SectionName + ":";
        var range = new RangeCheck(complaints);
        range.Bytes(at + nameof(options.MemoryBudgetBytes), options.MemoryBudgetBytes, MiB, MiB << 20);
        if (options.MaxBodyBytes != DefaultMaxBodyBytes) // the default gives way to a small budget without a word
            range.Bytes(at + nameof(options.MaxBodyBytes), options.MaxBodyBytes, 0, LargestBody(options));
        range.Number(at + nameof(options.MaxVariants), options.MaxVariants, 1, 1024);
        range.Bytes(at + nameof(options.RecordingBudgetBytes), options.RecordingBudgetBytes, MiB, MiB << 20);
        range.Duration(at + nameof(options.LaggardGrace), options.LaggardGrace, TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(60));
        range.Bytes(at + nameof(options.FinishBytes), options.FinishBytes, 0, 1L << 30);
        range.Duration(at + nameof(options.FinishTime), options.FinishTime, TimeSpan.Zero, TimeSpan.FromMinutes(10));
        range.Duration(at + nameof(options.UncacheableMemory), options.UncacheableMemory, TimeSpan.Zero, TimeSpan.FromHours(1));
        range.Duration(at + nameof(options.ConnectTimeout), options.ConnectTimeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(60));
        range.Duration(at + nameof(options.ActivityTimeout), options.ActivityTimeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1));
        new CoherenceOptionsValidator(at + nameof(options.Coherence) + ":").Check(options.Coherence, complaints);
        options.Warming.Check(at + nameof(options.Warming) + ":", complaints);
        CheckOrigins(at + nameof(options.Origin), options.Origin, complaints);
        CheckTrustedProxies(at + nameof(options.TrustedProxies), options.TrustedProxies, complaints);
        CheckFieldNames(at + nameof(options.CredentialFields), options.CredentialFields, complaints);
        foreach (var (id, route) in options.Routes)
            CheckRoute($"{at}{nameof(options.Routes)}:{id}:", route, options, complaints);
    }

    /// <summary>Checks one route's overrides; <paramref name="at"/> is what stands before the property's name in the user's key.</summary>
    public static void CheckRoute(string at, RouteCacheOptions route, CacheProxyOptions options, ICollection<string> complaints)
    {
        var range = new RangeCheck(complaints);
        range.Duration(at + nameof(route.DefaultLifetime), route.DefaultLifetime, TimeSpan.Zero, Year);
        range.Duration(at + nameof(route.MaxAge), route.MaxAge, TimeSpan.FromSeconds(1), Year);
        range.Duration(at + nameof(route.NegativeLifetime), route.NegativeLifetime, TimeSpan.Zero, Year);
        range.Duration(at + nameof(route.Keep), route.Keep, TimeSpan.Zero, Year);
        range.Duration(at + nameof(route.StaleIfError), route.StaleIfError, TimeSpan.Zero, Year);
        range.Duration(at + nameof(route.OutOfTouchGrace), route.OutOfTouchGrace, TimeSpan.Zero, Year);
        range.Bytes(at + nameof(route.MaxBodyBytes), route.MaxBodyBytes, 0, LargestBody(options));
        range.Bytes(at + nameof(route.QueryMethodBytes), route.QueryMethodBytes, 0, 256L << 10);
        CheckParameterNames(at + nameof(route.QueryAllow), route.QueryAllow, complaints);
        CheckParameterNames(at + nameof(route.QueryDeny), route.QueryDeny, complaints);
    }

    /// <summary>Whether a URL can be an origin's or destination's: absolute, http or https, without what a request would bring itself.</summary>
    public static bool IsOrigin(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"
        && uri.Host.Length > 0 && uri.UserInfo.Length == 0 && uri.Query.Length == 0 && uri.Fragment.Length == 0;

    private static void CheckOrigins(string key, string? value, ICollection<string> complaints)
    {
        if (value is null)
            return;
        var origins = OptionLists.Split(value);
        if (origins.Length == 0)
            complaints.Add($"{key} is '{value}'; it takes one or more URLs such as http://api:8080, separated by commas.");
        foreach (var origin in origins.Where(o => !IsOrigin(o)))
            complaints.Add($"{key} names '{origin}'; an origin is an absolute http or https URL such as http://api:8080, without user, query or fragment.");
        foreach (var twice in origins.GroupBy(o => o, StringComparer.OrdinalIgnoreCase).Where(g => g.Count() > 1))
            complaints.Add($"{key} names '{twice.Key}' twice.");
    }

    private static void CheckTrustedProxies(string key, string? value, ICollection<string> complaints)
    {
        foreach (var peer in OptionLists.Split(value).Where(p => OptionLists.Network(p) is null))
            complaints.Add($"{key} names '{peer}'; it takes addresses (10.0.0.7, ::1) or ranges (10.0.0.0/8), separated by commas.");
    }

    private static void CheckParameterNames(string key, string? value, ICollection<string> complaints)
    {
        foreach (var name in OptionLists.Split(value).Where(n => !IsParameterName(n)))
            complaints.Add($"{key} names '{name}'; it takes names of query parameters as they stand in a URL, beginnings such as utm_*, and {QueryRules.TrackingPreset}, separated by commas.");
    }

    private static bool IsParameterName(string text) =>
        text.StartsWith('@') ? text == QueryRules.TrackingPreset : text.TrimEnd('*').Length >= text.Length - 1 && !text.AsSpan().TrimEnd('*').ContainsAny(" &=#*");

    private static void CheckFieldNames(string key, string? value, ICollection<string> complaints)
    {
        foreach (var field in OptionLists.Split(value).Where(f => f.AsSpan().ContainsAnyExcept(OptionLists.TokenCharacters)))
            complaints.Add($"{key} names '{field}'; it takes names of request fields, separated by commas.");
    }
}

/// <summary>Words a complaint about a value that is out of range; <c>null</c> is always in range.</summary>
internal readonly struct RangeCheck(ICollection<string> complaints)
{
    public void Duration(string key, TimeSpan? value, TimeSpan min, TimeSpan max) => Check(key, value, min, max, v => OptionText.Write(v));

    public void Bytes(string key, long? value, long min, long max) => Check(key, value, min, max, OptionText.WriteSize);

    public void Number(string key, int? value, int min, int max) => Check(key, value, min, max, v => OptionText.Write(v));

    private void Check<T>(string key, T? value, T min, T max, Func<T, string> write)
        where T : struct, IComparable<T>
    {
        if (value is { } given && (given.CompareTo(min) < 0 || given.CompareTo(max) > 0))
            complaints.Add($"{key} is {write(given)}; allowed: {write(min)} to {write(max)}.");
    }
}
