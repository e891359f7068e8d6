namespace CacheProxy.Tests.Scenarios;

/// <summary>Waits, within bounds, for an effect that nobody can be told of: a disposal, a closed connection, a count.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static async Task TrueAsync(Func<bool> condition, string what)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (!condition())
        {
            if (TimeProvider.System.GetElapsedTime(began) > Patience)
                throw new TimeoutException($"It never came true that {what}.");
            await Task.Delay(2);
        }
    }

    /// <summary>The task's result, or a failure that says what was waited for.</summary>
    public static async Task<T> InTimeAsync<T>(this Task<T> task, string what)
    {
        await InTimeAsync((Task)task, what);
        return await task;
    }

    public static async Task InTimeAsync(this Task task, string what)
    {
        if (await Task.WhenAny(task, Task.Delay(Patience)) != task)
            throw new TimeoutException($"Never came: {what}.");
        await task;
    }
}
