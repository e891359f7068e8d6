using System.Globalization;
using Items.Api.Http;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Items.Api.Catalog;

/// <summary>
/// Answers the requests for items. Each handler reads the whole request first, and answers 400 with every complaint, before it asks
/// the database. Conditions count only where the answer would otherwise be a success (RFC 9110 section 13.2.1), so a missing item
/// is 404 whatever the conditions.
/// </summary>
internal static class ItemHandlers
{
    public static async Task<IResult> CreateAsync(HttpContext context, ItemStore store, TimeProvider time)
    {
        var complaints = new Complaints();
        var input = await ItemInputReader.ReadAsync(context.Request, complaints);
        if (input is null)
            return complaints.ToProblem();
        var item = await store.AddAsync(input, context.RequestAborted);
        ShowState(context.Response, item, time.GetUtcNow());
        return TypedResults.Created(string.Create(CultureInfo.InvariantCulture, $"{ListPath(context).ToUriComponent()}/{item.Id}"), item);
    }

    public static async Task<IResult> ListAsync(HttpContext context, ItemReads reads)
    {
        var complaints = new Complaints();
        var request = PageRequest.Read(context.Request.Query, complaints);
        if (!complaints.None)
            return complaints.ToProblem();
        var page = await reads.ListAsync(request, context.RequestAborted);
        context.Response.Headers.Link = page.LinksFrom(ListPath(context));
        return TypedResults.Ok(page);
    }

    public static async Task<IResult> GetAsync(string id, HttpContext context, ItemReads reads, TimeProvider time)
    {
        var complaints = new Complaints();
        var number = ReadId(id, complaints);
        var conditions = RequestConditions.Read(context.Request, complaints);
        if (!complaints.None)
            return complaints.ToProblem();
        if (await reads.FindAsync(number, context.RequestAborted) is not { } item)
            return Missing(number);
        var outcome = conditions.Weigh(item.EntityTag, item.UpdatedAt);
        if (outcome == ConditionOutcome.Failed)
            return ConditionFailed(number);
        ShowState(context.Response, item, time.GetUtcNow());
        return outcome == ConditionOutcome.NotModified
            ? TypedResults.StatusCode(StatusCodes.Status304NotModified)
            : TypedResults.Ok(item);
    }

    public static async Task<IResult> ReplaceAsync(string id, HttpContext context, ItemStore store, TimeProvider time)
    {
        var complaints = new Complaints();
        var number = ReadId(id, complaints);
        var conditions = RequestConditions.Read(context.Request, complaints);
        var input = await ItemInputReader.ReadAsync(context.Request, complaints);
        if (input is null)
            return complaints.ToProblem();
        var result = await store.ReplaceAsync(number, input, conditions, context.RequestAborted);
        if (result.Item is not { } item)
            return Refusal(number, result.Outcome);
        ShowState(context.Response, item, time.GetUtcNow());
        return TypedResults.Ok(item);
    }

    public static async Task<IResult> RemoveAsync(string id, HttpContext context, ItemStore store)
    {
        var complaints = new Complaints();
        var number = ReadId(id, complaints);
        var conditions = RequestConditions.Read(context.Request, complaints);
        if (!complaints.None)
            return complaints.ToProblem();
        var result = await store.RemoveAsync(number, conditions, context.RequestAborted);
        return result.Outcome == WriteOutcome.Written ? TypedResults.NoContent() : Refusal(number, result.Outcome);
    }

    private static long ReadId(string id, Complaints complaints)
    {
        if (!long.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number < 1)
            complaints.Add("id", id, "a whole number from 1 to 9223372036854775807");
        return number;
    }

    /// <summary>
    /// Sends Date too: the server's own may be a second old, and Last-Modified must not be later (RFC 9110 section 8.8.2.1), nor
    /// when another instance's clock, which wrote the item, is ahead.
    /// </summary>
    private static void ShowState(HttpResponse response, Item item, DateTimeOffset now)
    {
        var modified = item.UpdatedAt < now ? item.UpdatedAt : now;
        response.Headers.ETag = item.EntityTag.ToString();
        response.Headers.LastModified = modified.ToString("R", CultureInfo.InvariantCulture);
        response.Headers.Date = now.ToString("R", CultureInfo.InvariantCulture);
    }

    private static PathString ListPath(HttpContext context) => context.Request.PathBase.Add("/items");

    private static ProblemHttpResult Refusal(long id, WriteOutcome outcome) =>
        outcome == WriteOutcome.Missing ? Missing(id) : ConditionFailed(id);

    private static ProblemHttpResult Missing(long id) => TypedResults.Problem(
        string.Create(CultureInfo.InvariantCulture, $"There is no item {id}."), statusCode: StatusCodes.Status404NotFound);

    private static ProblemHttpResult ConditionFailed(long id) => TypedResults.Problem(
        string.Create(CultureInfo.InvariantCulture, $"Item {id} is not in the state that the request's conditions name. Read it again."),
        statusCode: StatusCodes.Status412PreconditionFailed);
}
