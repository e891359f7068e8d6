using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace CacheProxy.Origin;

/// <summary>The cache of an API. How its nodes keep in step is set in <see cref="Coherence.CoherenceOptions"/>.</summary>
public sealed class OriginCacheOptions
{
    /// <summary>For entries that name no kind. What a call's <c>HybridCacheEntryOptions</c> say goes before it.</summary>
    public EntryPolicy Default { get; set; } = new();

    /// <summary>
    /// How many entries the process keeps. When they are too many, new ones are left out for a moment while the longest unused are dropped.
    /// Default 50,000; 1 to 10,000,000.
    /// </summary>
    [Range(1, 10_000_000)]
    public int LocalEntries { get; set; } = 50_000;

    /// <summary>Values longer than this, as bytes, are not kept. Default 1 MiB; 1 B to 512 MiB.</summary>
    [Range(1, 512 * 1024 * 1024)]
    public int MaxPayloadBytes { get; set; } = 1024 * 1024;

    /// <summary>Longer keys, in characters, are not used: the factory is asked each time. Default 1024; 16 to 65,536.</summary>
    [Range(16, 65_536)]
    public int MaxKeyLength { get; set; } = 1024;

    /// <summary>How long a read waits for another node that is making the same value, before it makes its own. Default 500 ms; 0 to 60 s.</summary>
    public TimeSpan LeaseWait { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// The origins (as <c>https://example.org</c>) under which shared caches know this API. Each written group is invalidated there too, which
    /// reaches them when the answer with <c>Cache-Group-Invalidation</c> does not: after a crash, or for writes that are no request. Default none.
    /// </summary>
    public IList<string> PublicOrigins { get; } = [];

    /// <summary>How often the outbox is looked through for what was left over. Default 1 s; 10 ms to 1 h.</summary>
    public TimeSpan OutboxInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How many of the keys that are read most are refreshed before they end, of kinds with a <see cref="EntryPolicy.RefreshAt"/> below 1. Default 100; 0 (none) to 10,000.</summary>
    [Range(0, 10_000)]
    public int HotKeys { get; set; } = 100;

    /// <summary>How many background reads (hot keys, warming) begin in a second at most. Default 50; 1 to 10,000.</summary>
    [Range(1, 10_000)]
    public int BackgroundReadsPerSecond { get; set; } = 50;

    /// <summary>Where the most read keys are kept over a restart, to be read again at the start. <c>null</c> or empty (default): nowhere.</summary>
    public string? WarmFile { get; set; }

    /// <summary>Keys to read at the start, each <c>kind:id</c>, beside those of <see cref="WarmFile"/>. Default none.</summary>
    public IList<string> WarmKeys { get; } = [];
}

internal sealed class OriginCacheOptionsValidator : IValidateOptions<OriginCacheOptions>
{
    public ValidateOptionsResult Validate(string? name, OriginCacheOptions options)
    {
        var found = new List<ValidationResult>();
        Validator.TryValidateObject(options, new ValidationContext(options), found, validateAllProperties: true);
        var complaints = found.Select(result => result.ErrorMessage!).Concat(options.Default.Complaints(nameof(options.Default))).ToList();
        if (options.LeaseWait < TimeSpan.Zero || options.LeaseWait > TimeSpan.FromMinutes(1))
            complaints.Add($"LeaseWait is '{options.LeaseWait}'; it must be from 00:00:00 to 00:01:00.");
        if (options.OutboxInterval < TimeSpan.FromMilliseconds(10) || options.OutboxInterval > TimeSpan.FromHours(1))
            complaints.Add($"OutboxInterval is '{options.OutboxInterval}'; it must be from 00:00:00.010 to 01:00:00.");
        foreach (var origin in options.PublicOrigins)
            if (!Uri.TryCreate(origin, UriKind.Absolute, out var uri) || uri.GetLeftPart(UriPartial.Authority) != origin)
                complaints.Add($"PublicOrigins has '{origin}'; it must be a scheme, a host and no path, as 'https://example.org'.");
        return complaints.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(complaints);
    }
}
