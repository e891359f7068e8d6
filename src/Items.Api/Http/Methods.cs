namespace Items.Api.Http;

internal static class Methods
{
    /// <summary>What a safe endpoint answers to: HEAD is GET without the body.</summary>
    public static string[] Read { get; } = [HttpMethods.Get, HttpMethods.Head];

    public static bool IsSafe(string method) =>
        HttpMethods.IsGet(method) || HttpMethods.IsHead(method) || HttpMethods.IsOptions(method) || HttpMethods.IsTrace(method);
}
