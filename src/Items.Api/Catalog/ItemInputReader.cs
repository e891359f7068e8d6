using System.Text.Json;
using Items.Api.Http;

namespace Items.Api.Catalog;

/// <summary>
/// Reads an <see cref="ItemInput"/> from a body field by field, so that one answer names every fault with the value that came.
/// A deserializer would stop at the first and speak of types.
/// </summary>
internal static class ItemInputReader
{
    private const string AllowedBody = "one JSON object in UTF-8 that names each field once";
    private const string AllowedName = "a text of 1 to 200 characters, not only white space, without U+0000";
    private const string AllowedDescription = "null or a text of at most 2000 characters without U+0000";
    private const string AllowedPrice = "a number from 0 to 9999999999.99 with at most two decimals";

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    /// <summary>The input; or null, with the reasons in <paramref name="complaints"/>.</summary>
    public static async Task<ItemInput?> ReadAsync(HttpRequest request, Complaints complaints)
    {
        try
        {
            using var body = await JsonDocument.ParseAsync(request.Body, Strict, request.HttpContext.RequestAborted);
            return Read(body.RootElement, complaints);
        }
        catch (JsonException malformed)
        {
            var fault = malformed.LineNumber is { } line
                ? $"is not JSON (line {line + 1}, byte {malformed.BytePositionInLine + 1})"
                : "names a field twice";
            complaints.AddFault("body", fault, AllowedBody);
            return null;
        }
    }

    private static ItemInput? Read(JsonElement body, Complaints complaints)
    {
        if (body.ValueKind != JsonValueKind.Object)
        {
            complaints.Add("body", body.GetRawText(), AllowedBody);
            return null;
        }
        var name = ReadText(body, "name", ItemInput.LongestName, AllowedName, complaints);
        if (string.IsNullOrWhiteSpace(name))
            Complain(body, "name", AllowedName, complaints);
        var description = ReadText(body, "description", ItemInput.LongestDescription, AllowedDescription, complaints);
        var price = ReadPrice(body, complaints);
        return complaints.None ? new ItemInput(name!, description, price) : null;
    }

    /// <summary>The text of a field; null when it is absent or null, or when there is a complaint.</summary>
    private static string? ReadText(JsonElement body, string field, int longest, string allowed, Complaints complaints)
    {
        if (!body.TryGetProperty(field, out var value) || value.ValueKind == JsonValueKind.Null)
            return null;
        if (value.ValueKind == JsonValueKind.String && TryGetText(value) is { } text && text.Length <= longest && !text.Contains('\0'))
            return text;
        Complain(body, field, allowed, complaints);
        return null;
    }

    /// <summary>Null for half a surrogate pair (<c>"\ud800"</c>): JSON can write it, no text can hold it.</summary>
    private static string? TryGetText(JsonElement value)
    {
        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private static decimal ReadPrice(JsonElement body, Complaints complaints)
    {
        if (body.TryGetProperty("price", out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetDecimal(out var price)
            && price is >= 0 and <= ItemInput.HighestPrice && decimal.Round(price, 2) == price)
        {
            // Always two decimals, as PostgreSQL will give back; and no -0.
            return decimal.Abs(decimal.Round(price, 2)) + 0.00m;
        }
        Complain(body, "price", AllowedPrice, complaints);
        return 0;
    }

    private static void Complain(JsonElement body, string field, string allowed, Complaints complaints) =>
        complaints.Add(field, body.TryGetProperty(field, out var value) ? value.GetRawText() : null, allowed);
}
