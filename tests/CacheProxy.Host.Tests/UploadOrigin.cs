using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace CacheProxy.Host.Tests;

/// <summary>Answers with how many bytes it was sent.</summary>
internal sealed class UploadOrigin : IAsyncDisposable
{
    private readonly WebApplication _app;

    private UploadOrigin(WebApplication app) => _app = app;

    public string Address => _app.Urls.Single();

    public static async Task<UploadOrigin> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0").ConfigureKestrel(k => k.Limits.MaxRequestBodySize = null);
        var app = builder.Build();
        app.Run(async context =>
        {
            long length = 0;
            var buffer = new byte[64 * 1024];
            for (int read; (read = await context.Request.Body.ReadAsync(buffer, context.RequestAborted)) > 0;)
                length += read;
            await context.Response.WriteAsync($"{length}", context.RequestAborted);
        });
        await app.StartAsync();
        return new UploadOrigin(app);
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
