using System.Data.Common;
using Microsoft.AspNetCore.Diagnostics;

namespace Items.Api.Http;

/// <summary>Makes every error answer <c>application/problem+json</c> (RFC 9457), and none of them tell what is inside.</summary>
internal static class Problems
{
    public static IServiceCollection AddProblems(this IServiceCollection services) =>
        services.AddProblemDetails().AddExceptionHandler<ExpectedFailure>();

    /// <summary>
    /// Catches exceptions and fills empty error answers (404 of no route, 405, 415). Writes the problem itself rather than by the
    /// middleware's default, which sends text, or nothing, to a client whose <c>Accept</c> does not name JSON.
    /// </summary>
    public static IApplicationBuilder UseProblems(this IApplicationBuilder app) => app
        .UseExceptionHandler(new ExceptionHandlerOptions
        {
            ExceptionHandler = context => WriteAsync(context, StatusCodes.Status500InternalServerError),
        })
        .UseStatusCodePages(pages => WriteAsync(pages.HttpContext, pages.HttpContext.Response.StatusCode));

    private static Task WriteAsync(HttpContext context, int status, string? detail = null) =>
        TypedResults.Problem(statusCode: status, detail: detail).ExecuteAsync(context);

    /// <summary>What a stranger's request or a database that is away can cause. All else is a fault of ours: logged, and 500.</summary>
    private sealed class ExpectedFailure(ILogger<ExpectedFailure> log) : IExceptionHandler
    {
        public async ValueTask<bool> TryHandleAsync(HttpContext context, Exception exception, CancellationToken cancellation)
        {
            if (exception is BadHttpRequestException refused)
            {
                await WriteAsync(context, refused.StatusCode, refused.Message);
                return true;
            }
            if (!IsDatabaseAway(exception))
                return false;
            Log.DatabaseAway(log, context.Request.Method, exception.GetBaseException().Message);
            context.Response.Headers.RetryAfter = "1";
            await WriteAsync(context, StatusCodes.Status503ServiceUnavailable, "The database cannot be reached.");
            return true;
        }

        private static bool IsDatabaseAway(Exception? exception) => exception switch
        {
            null => false,
            DbException { IsTransient: true } => true,
            _ => IsDatabaseAway(exception.InnerException),
        };
    }
}
