using System.Text.Json;
using CacheProxy.Coherence;
using CacheProxy.Invalidation;
using CacheProxy.Pipeline;
using Microsoft.AspNetCore.Http;

namespace CacheProxy.Admin;

/// <summary><c>POST /purge</c>: reads the order, gives it, and says which nodes have applied it.</summary>
internal sealed class PurgeEndpoint(Invalidator invalidator)
{
    /// <summary>A purge waits this long for the other nodes to say that they have applied it.</summary>
    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(2);

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    public async Task InvokeAsync(HttpContext context)
    {
        var complaints = new List<string>();
        if (await ReadAsync(context.Request, complaints) is not { } order)
        {
            await ProblemResponse.WriteAsync(context.Response, StatusCodes.Status400BadRequest, complaints);
            return;
        }
        var strength = order.Invalidation.Strength.ToString().ToLowerInvariant();
        if (order.DryRun)
        {
            var (responses, bytes) = invalidator.Count(order.Invalidation);
            await WriteAsync(context.Response, StatusCodes.Status200OK, new { dryRun = true, order.Kind, strength, responses, bytes });
            return;
        }
        var receipt = await invalidator.PurgeAsync(order, Wait, context.RequestAborted);
        await WriteAsync(context.Response, receipt.IsComplete ? StatusCodes.Status200OK : StatusCodes.Status202Accepted, new
        {
            order.Kind,
            strength,
            position = receipt.Position?.ToString() ?? "pending",
            complete = receipt.IsComplete,
            applied = Named(NodeState.Applied),
            lagging = Named(NodeState.Lagging),
            outOfTouch = Named(NodeState.OutOfTouch),
        });

        IEnumerable<string> Named(NodeState state) => receipt.Nodes.Where(node => node.State == state).Select(node => node.Node);
    }

    private static async Task<PurgeOrder?> ReadAsync(HttpRequest request, List<string> complaints)
    {
        try
        {
            using var document = await JsonDocument.ParseAsync(request.Body, new JsonDocumentOptions { MaxDepth = 8 }, request.HttpContext.RequestAborted);
            return PurgeOrder.Read(document.RootElement, complaints);
        }
        catch (JsonException broken)
        {
            complaints.Add($"The body is not JSON: line {broken.LineNumber + 1}, byte {broken.BytePositionInLine}.");
            return null;
        }
    }

    private static Task WriteAsync<T>(HttpResponse response, int status, T value)
    {
        response.StatusCode = status;
        return response.WriteAsJsonAsync(value, Json, response.HttpContext.RequestAborted);
    }
}
