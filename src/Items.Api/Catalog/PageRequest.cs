using System.Globalization;
using Items.Api.Http;
using Microsoft.Extensions.Primitives;

namespace Items.Api.Catalog;

/// <summary>Which part of the list is wanted.</summary>
/// <param name="Page">1 to 1000000, default 1.</param>
/// <param name="PageSize">1 to 100, default 20.</param>
internal readonly record struct PageRequest(int Page, int PageSize)
{
    public const int HighestPage = 1_000_000;
    public const int LargestPageSize = 100;
    public const int UsualPageSize = 20;

    /// <summary>How many items stand before the page. The ranges keep it within an int.</summary>
    public int Offset => (Page - 1) * PageSize;

    public static PageRequest Read(IQueryCollection query, Complaints complaints) => new(
        ReadNumber("page", query["page"], usual: 1, HighestPage, complaints),
        ReadNumber("pageSize", query["pageSize"], UsualPageSize, LargestPageSize, complaints));

    private static int ReadNumber(string name, StringValues values, int usual, int highest, Complaints complaints)
    {
        if (values.Count == 0)
            return usual;
        if (values.Count == 1 && int.TryParse(values[0], NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number >= 1 && number <= highest)
        {
            return number;
        }
        complaints.Add(name, values.ToString(), string.Create(CultureInfo.InvariantCulture, $"one whole number from 1 to {highest}"));
        return usual;
    }
}
