using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace CacheProxy.Benchmarks.Load;

/// <summary>
/// The origin of the load test, as fast as Kestrel goes: 1 KB for every request, to be kept for an hour under <c>/cacheable</c>, not at
/// all elsewhere. <c>/count</c> tells how many requests came.
/// </summary>
internal static class LoadOrigin
{
    private static readonly byte[] Body = Encoding.ASCII.GetBytes(new string('x', 1024));
    private static long _requests;

    public static async Task RunAsync(string address)
    {
        await using var app = LoadServer.Builder(address, inlineSockets: true).Build();
        app.Run(AnswerAsync);
        await app.RunAsync();
    }

    private static async Task AnswerAsync(HttpContext context)
    {
        if (context.Request.Path == "/count")
        {
            await context.Response.WriteAsync(Interlocked.Read(ref _requests).ToString(CultureInfo.InvariantCulture));
            return;
        }

        Interlocked.Increment(ref _requests);
        if (!HttpMethods.IsGet(context.Request.Method))
            await context.Request.Body.CopyToAsync(Stream.Null);
        context.Response.ContentType = "text/plain";
        context.Response.ContentLength = Body.Length;
        context.Response.Headers.CacheControl = context.Request.Path.StartsWithSegments("/cacheable") ? "max-age=3600" : "no-store";
        await context.Response.BodyWriter.WriteAsync(Body);
    }
}
