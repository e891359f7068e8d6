using CacheProxy.Coherence;
using CacheProxy.Origin.Groups;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace CacheProxy.Origin.Http;

/// <summary>
/// The tongue of the order in HTTP. Answers to safe methods say what they were made of (<c>Cache-Groups</c>), answers to others what they changed
/// (<c>Cache-Group-Invalidation</c>, RFC 9875) and up to where the order has come with it (<c>CacheProxy-Seq</c>). A request may say what its answer
/// must not be behind of (<c>CacheProxy-Min-Seq</c>): if this node does not get there in time, it does not trust what it keeps.
/// </summary>
internal sealed class CacheGroupsMiddleware(RequestDelegate next, CoherenceNode node, IOptions<CoherenceOptions> coherence)
{
    public async Task InvokeAsync(HttpContext context)
    {
        using var scope = CacheScope.Begin();
        var field = context.Request.Headers[SequenceFields.Needed].ToString();
        if (field == SequenceFields.Pending)
            scope.Need = CacheScope.Unreachable; // another instance's write may not have been told to anybody yet
        else if (Position.TryParse(field, out var need) && !await node.ReachAsync(need, coherence.Value.CallTimeout, context.RequestAborted))
            scope.Need = need;
        context.Response.OnStarting(static state =>
        {
            var (response, scope) = ((HttpResponse, CacheScope))state;
            Say(response, scope);
            return Task.CompletedTask;
        }, (context.Response, scope));
        await next(context);
    }

    private static void Say(HttpResponse response, CacheScope scope)
    {
        var headers = response.Headers;
        var method = response.HttpContext.Request.Method;
        if (HttpMethods.IsGet(method) || HttpMethods.IsHead(method))
        {
            if (scope.Read.AsRead() is { Length: > 0 } read)
                headers[GroupField.Groups] = GroupField.Write(Fitting(read));
        }
        else if (scope.Written.AsWritten() is { Length: > 0 } written)
        {
            headers[GroupField.Invalidation] = GroupField.Write(written);
        }
        if (scope.LastWrite is { } write)
            headers[SequenceFields.Written] = write.Position?.ToString() ?? SequenceFields.Pending;
    }

    /// <summary>More than every cache takes in: then rows are named by their sets, which can only invalidate too much.</summary>
    private static IEnumerable<string> Fitting(Group[] read) =>
        read.Length <= GroupField.MostNames ? read.Select(group => group.Name) : read.Select(group => group.Set ?? group.Name).Distinct();
}
