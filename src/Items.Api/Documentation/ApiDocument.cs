using System.Text.Json.Nodes;
using Items.Api.Catalog;
using Items.Api.Http;
using Microsoft.OpenApi;

namespace Items.Api.Documentation;

/// <summary>The OpenAPI document at <c>/openapi/v1.json</c> and the page over it at <c>/swagger</c>.</summary>
internal static class ApiDocument
{
    public static IServiceCollection AddApiDocument(this IServiceCollection services) => services.AddOpenApi(options =>
    {
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info.Title = "Items API";
            document.Info.Description = "Items with versions. Errors are application/problem+json (RFC 9457) and name the field, the "
                + "value that came and what is allowed. Every GET also answers HEAD.";
            // The host this instance goes by is not the one its clients use; without it, paths are relative to the document.
            document.Servers = [];
            foreach (var path in document.Paths.Values)
                path.Operations?.Remove(HttpMethod.Head);
            return Task.CompletedTask;
        });
        options.AddOperationTransformer((operation, _, _) =>
        {
            OperationFields.Add(operation);
            return Task.CompletedTask;
        });
        options.AddSchemaTransformer((schema, context, _) =>
        {
            if (context.JsonTypeInfo.Type == typeof(ItemInput))
                schema.Examples = [Example()];
            else if (context.JsonTypeInfo.Type == typeof(Item))
                schema.Examples = [ExampleItem()];
            return Task.CompletedTask;
        });
    });

    public static void MapApiDocument(this WebApplication app)
    {
        app.MapOpenApi().CacheAs(table => table.Document);
        app.UseSwaggerUI(page =>
        {
            page.DocumentTitle = "Items API";
            page.SwaggerEndpoint("../openapi/v1.json", "v1");
        });
    }

    private static JsonObject Example() => new() { ["name"] = "Lamp", ["description"] = "Made of oak.", ["price"] = 12.50m };

    private static JsonObject ExampleItem()
    {
        var item = new JsonObject { ["id"] = 1 };
        foreach (var (name, value) in Example())
            item[name] = value?.DeepClone();
        item["createdAt"] = "2025-01-01T00:01:00+00:00";
        item["updatedAt"] = "2025-01-01T00:01:00+00:00";
        item["version"] = 1;
        return item;
    }
}
