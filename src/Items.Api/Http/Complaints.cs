using Microsoft.AspNetCore.Http.HttpResults;

namespace Items.Api.Http;

/// <summary>What is wrong with a request: all of it at once, each with its field, the value that came and what is allowed.</summary>
internal sealed class Complaints
{
    private const int LongestValue = 60;
    private readonly Dictionary<string, string[]> _byField = [];

    public bool None => _byField.Count == 0;

    /// <param name="field">Where the value stood: a JSON field, a query parameter, a route value or a header.</param>
    /// <param name="value">What came, shortened when long; null: nothing came.</param>
    /// <param name="allowed">What may come, as the end of "must be".</param>
    public void Add(string field, string? value, string allowed) =>
        AddFault(field, Shown(value), allowed);

    /// <param name="field">Where the fault is.</param>
    /// <param name="fault">What is wrong, where no one value is: "is not ...".</param>
    /// <param name="allowed">What may come, as the end of "must be".</param>
    public void AddFault(string field, string fault, string allowed) => _byField[field] = [$"{fault}; must be {allowed}."];

    /// <summary>The answer 400.</summary>
    public ValidationProblem ToProblem() =>
        TypedResults.ValidationProblem(_byField, detail: string.Join(' ', _byField.Select(entry => $"{entry.Key}: {entry.Value[0]}")),
            title: "The request is not valid.");

    private static string Shown(string? value) => value switch
    {
        null => "is missing",
        { Length: > LongestValue } => $"is '{value[..LongestValue]}...' ({value.Length} characters)",
        _ => $"is '{value}'",
    };
}
