using System.Reflection;
using Microsoft.Extensions.Configuration;

namespace CacheProxy;

/// <summary>
/// Fills options from a configuration section and collects every complaint: a value that cannot be read, and a key that means nothing
/// (with the nearest that does). The framework's binder stops at the first bad value and is silent about unknown keys.
/// </summary>
internal static class OptionsReader
{
    /// <summary>Reads the section into all of <paramref name="targets"/> together: a key must belong to one of them.</summary>
    /// <param name="section">The section.</param>
    /// <param name="complaints">Complaints are added here; <c>null</c>: what is wrong is passed over, since somebody has complained before.</param>
    /// <param name="targets">What is filled.</param>
    public static void Read(IConfigurationSection section, ICollection<string>? complaints, params object[] targets)
    {
        foreach (var child in section.GetChildren())
            ReadKey(child.Path, child.Key, child, complaints, targets);
    }

    /// <summary>Reads a route's metadata: keys <c>Cache.{Property}</c>; others are not ours.</summary>
    public static RouteCacheOptions ReadMetadata(string path, IReadOnlyDictionary<string, string>? metadata, ICollection<string>? complaints)
    {
        var options = new RouteCacheOptions();
        foreach (var (key, text) in metadata ?? new Dictionary<string, string>())
        {
            if (!key.StartsWith(RouteCacheOptions.MetadataPrefix, StringComparison.OrdinalIgnoreCase))
                continue;
            var name = key[RouteCacheOptions.MetadataPrefix.Length..];
            if (Find(name, [options]) is var (target, property))
                Assign($"{path}:{key}", property, target, text, complaints);
            else
                complaints?.Add(Unknown($"{path}:{key}", name, RouteCacheOptions.MetadataPrefix, Names([options])));
        }

        return options;
    }

    /// <summary>The name among <paramref name="known"/> that a typing mistake made of <paramref name="name"/>; <c>null</c> if none is near.</summary>
    public static string? Nearest(string name, IEnumerable<string> known) => known
        .Select(k => (Name: k, Distance: Distance(name.ToUpperInvariant(), k.ToUpperInvariant())))
        .Where(k => k.Distance <= Math.Max(2, k.Name.Length / 3))
        .OrderBy(k => k.Distance)
        .FirstOrDefault().Name;

    private static void ReadKey(string path, string key, IConfigurationSection child, ICollection<string>? complaints, object[] targets)
    {
        if (Find(key, targets) is not var (target, property))
        {
            complaints?.Add(Unknown(path, key, path[..^key.Length], Names(targets)));
            return;
        }

        var isLeaf = !child.GetChildren().Any();
        if (typeof(IDictionary<string, RouteCacheOptions>).IsAssignableFrom(property.PropertyType))
        {
            var entries = (IDictionary<string, RouteCacheOptions>)property.GetValue(target)!;
            foreach (var entry in child.GetChildren())
            {
                entries[entry.Key] = new RouteCacheOptions();
                Read(entry, complaints, entries[entry.Key]);
            }
        }
        else if (property.PropertyType.IsClass && property.PropertyType != typeof(string))
        {
            if (isLeaf && !string.IsNullOrEmpty(child.Value))
                complaints?.Add($"{path} is '{child.Value}'; it is a section, not a value: set {path}:{string.Join(", ", Names([property.GetValue(target)!]))}.");
            Read(child, complaints, property.GetValue(target)!);
        }
        else if (!isLeaf)
        {
            complaints?.Add($"{path} is a section; it takes one value.");
        }
        else if (!string.IsNullOrEmpty(child.Value))
        {
            Assign(path, property, target, child.Value, complaints);
        }
    }

    private static void Assign(string path, PropertyInfo property, object target, string text, ICollection<string>? complaints)
    {
        if (OptionText.TryRead(property.PropertyType, text, out var value, out var expected))
            property.SetValue(target, value);
        else
            complaints?.Add($"{path} is '{text}'; it takes {expected}.");
    }

    private static (object Target, PropertyInfo Property)? Find(string key, object[] targets)
    {
        foreach (var target in targets)
        {
            if (target.GetType().GetProperty(key, BindingFlags.Public | BindingFlags.Instance | BindingFlags.IgnoreCase) is { } property)
                return (target, property);
        }

        return null;
    }

    private static IEnumerable<string> Names(object[] targets) =>
        targets.SelectMany(t => t.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance)).Select(p => p.Name);

    private static string Unknown(string path, string name, string prefix, IEnumerable<string> known) =>
        Nearest(name, known) is { } nearest
            ? $"{path} is not an option. Did you mean {prefix}{nearest}?"
            : $"{path} is not an option. Known here: {string.Join(", ", known)}.";

    /// <summary>Levenshtein's distance.</summary>
    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var above = row[j];
                row[j] = Math.Min(Math.Min(above, row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                diagonal = above;
            }
        }

        return row[^1];
    }
}
