namespace CacheProxy.Host.Tests;

/// <summary>For what another process does in its own time and does not announce.</summary>
internal static class Eventually
{
    public static async Task<bool> TrueAsync(Func<Task<bool>> condition)
    {
        for (var i = 0; i < 200; i++)
        {
            if (await condition())
                return true;
            await Task.Delay(25, TestContext.Current.CancellationToken);
        }

        return false;
    }
}
