using System.ComponentModel;
using System.Globalization;

namespace Items.Api.Catalog;

/// <summary>One page of the list.</summary>
[Description("One page of the list, in the order of creation.")]
[ImmutableObject(true)]
internal sealed record ItemPage(
    [property: Description("At most pageSize items; none behind the last page.")]
    IReadOnlyList<Item> Items,
    [property: Description("Which page this is, from 1.")]
    int Page,
    [property: Description("How many items a full page holds.")]
    int PageSize,
    [property: Description("How many items there are on all pages.")]
    int Total)
{
    /// <summary>
    /// The <c>Link</c> field (RFC 8288) to the pages beside this one; null when there are none. From behind the last page
    /// <c>prev</c> leads to the last. The references have no host: they stay right behind a proxy.
    /// </summary>
    public string? LinksFrom(PathString path)
    {
        var last = Math.Max(1, (int)(((long)Total + PageSize - 1) / PageSize));
        var links = new List<string>(2);
        if (Page > 1)
            links.Add(Link(path, Math.Min(Page - 1, last), "prev"));
        if (Page < Math.Min(last, PageRequest.HighestPage))
            links.Add(Link(path, Page + 1, "next"));
        return links.Count == 0 ? null : string.Join(", ", links);
    }

    private string Link(PathString path, int page, string relation) =>
        string.Create(CultureInfo.InvariantCulture, $"<{path.ToUriComponent()}?page={page}&pageSize={PageSize}>; rel=\"{relation}\"");
}
