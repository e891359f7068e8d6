using System.Globalization;
using System.Text.Json.Nodes;
using Items.Api.Catalog;
using Microsoft.OpenApi;

namespace Items.Api.Documentation;

/// <summary>
/// Adds to an operation the parameters and header fields that its handler reads and writes by itself, and that reflection
/// therefore does not see.
/// </summary>
internal static class OperationFields
{
    public static void Add(OpenApiOperation operation)
    {
        operation.Parameters ??= [];
        switch (operation.OperationId)
        {
            case "createItem":
                AddResponseHeader(operation, "201", "Location", "The path of the item.");
                AddResponseHeader(operation, "201", "ETag", "Names this state of the item.");
                break;
            case "listItems":
                operation.Parameters.Add(Query("page", 1, PageRequest.HighestPage));
                operation.Parameters.Add(Query("pageSize", PageRequest.UsualPageSize, PageRequest.LargestPageSize));
                AddResponseHeader(operation, "200", "Link", "The next and the previous page.");
                break;
            case "getItem":
                operation.Parameters.Add(Condition("If-None-Match", "304 if the item still has one of these entity tags."));
                AddResponseHeader(operation, "200", "ETag", "Names this state of the item.");
                break;
            case "replaceItem" or "removeItem":
                operation.Parameters.Add(Condition("If-Match", "412 unless the item still has one of these entity tags; * is any."));
                AddResponseHeader(operation, "200", "ETag", "Names this state of the item.");
                break;
        }
        foreach (var id in operation.Parameters.OfType<OpenApiParameter>().Where(parameter => parameter.In == ParameterLocation.Path))
            id.Schema = new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int64", Minimum = "1" };
    }

    private static OpenApiParameter Query(string name, int usual, int highest) => new()
    {
        Name = name,
        In = ParameterLocation.Query,
        Schema = new OpenApiSchema
        {
            Type = JsonSchemaType.Integer,
            Format = "int32",
            Minimum = "1",
            Maximum = highest.ToString(CultureInfo.InvariantCulture),
            Default = JsonValue.Create(usual),
        },
    };

    private static OpenApiParameter Condition(string name, string description) => new()
    {
        Name = name,
        In = ParameterLocation.Header,
        Description = description,
        Schema = new OpenApiSchema { Type = JsonSchemaType.String },
        Example = "\"1-1-1941f29e9e0\"",
    };

    private static void AddResponseHeader(OpenApiOperation operation, string status, string name, string description)
    {
        if (operation.Responses?.GetValueOrDefault(status) is not OpenApiResponse response)
            return;
        response.Headers ??= new Dictionary<string, IOpenApiHeader>();
        var text = new OpenApiSchema { Type = JsonSchemaType.String };
        response.Headers[name] = new OpenApiHeader { Description = description, Schema = text };
    }
}
