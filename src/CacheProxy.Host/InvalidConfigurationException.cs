namespace CacheProxy.Host;

/// <summary>The configuration cannot be used; <see cref="Complaints"/> are all that is wrong with it, each for the operator to read.</summary>
internal sealed class InvalidConfigurationException(IReadOnlyList<string> complaints)
    : Exception("The configuration cannot be used:" + string.Concat(complaints.Select(c => Environment.NewLine + "  - " + c)))
{
    public IReadOnlyList<string> Complaints { get; } = complaints;
}
