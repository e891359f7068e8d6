using Items.Api.Http;

namespace Items.Api.Catalog;

/// <summary>The five things one can do with items, and what the API's document says of them.</summary>
internal static class ItemEndpoints
{
    public static void MapItems(this IEndpointRouteBuilder app)
    {
        var items = app.MapGroup("/items").WithTags("Items").ProducesProblem(StatusCodes.Status500InternalServerError)
            .ProducesProblem(StatusCodes.Status503ServiceUnavailable);

        items.MapPost("", ItemHandlers.CreateAsync).WithName("createItem").WithSummary("Creates an item.")
            .WithDescription("Answers with the item, its Location and its ETag.")
            .Accepts<ItemInput>("application/json").Produces<Item>(StatusCodes.Status201Created).ProducesValidationProblem()
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge).ProducesProblem(StatusCodes.Status415UnsupportedMediaType);

        items.MapMethods("", Methods.Read, ItemHandlers.ListAsync).WithName("listItems")
            .WithSummary("Lists items, in the order of creation.")
            .WithDescription("The Link field leads to the next and the previous page (RFC 8288).")
            .Produces<ItemPage>().ProducesValidationProblem().CacheAs(table => table.List);

        items.MapMethods("/{id}", Methods.Read, ItemHandlers.GetAsync).WithName("getItem").WithSummary("Reads an item.")
            .WithDescription("Has ETag and Last-Modified; If-None-Match and If-Modified-Since are answered with 304.")
            .Produces<Item>().Produces(StatusCodes.Status304NotModified).ProducesValidationProblem()
            .ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status412PreconditionFailed)
            .CacheAs(table => table.Item);

        items.MapPut("/{id}", ItemHandlers.ReplaceAsync).WithName("replaceItem").WithSummary("Replaces an item.")
            .WithDescription("With If-Match (or If-Unmodified-Since) only if it is still in that state; otherwise the last write wins.")
            .Accepts<ItemInput>("application/json").Produces<Item>().ProducesValidationProblem()
            .ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status412PreconditionFailed)
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge).ProducesProblem(StatusCodes.Status415UnsupportedMediaType);

        items.MapDelete("/{id}", ItemHandlers.RemoveAsync).WithName("removeItem").WithSummary("Removes an item.")
            .WithDescription("With If-Match (or If-Unmodified-Since) only if it is still in that state.")
            .Produces(StatusCodes.Status204NoContent).ProducesValidationProblem()
            .ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status412PreconditionFailed);
    }
}
