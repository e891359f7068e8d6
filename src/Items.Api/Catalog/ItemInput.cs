using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Items.Api.Catalog;

/// <summary>What a client says of an item, checked: <see cref="ItemInputReader"/> makes it. The attributes are for the document.</summary>
[Description("What a client says of an item. Fields that are not named here are ignored.")]
internal sealed record ItemInput(
    [property: Description("1 to 200 characters, not only white space.")]
    [property: StringLength(ItemInput.LongestName, MinimumLength = 1)]
    string Name,
    [property: Description("Up to 2000 characters. Absent or null: none.")]
    [property: StringLength(ItemInput.LongestDescription)]
    string? Description,
    [property: Description("0 to 9999999999.99, with at most two decimals.")]
    [property: Range(0, 9_999_999_999.99)]
    decimal Price)
{
    public const int LongestName = 200;
    public const int LongestDescription = 2000;
    public const decimal HighestPrice = 9_999_999_999.99m;

    /// <summary>More than the longest item takes with every character written as an escape.</summary>
    public const int MaxBodyBytes = 64 * 1024;
}
