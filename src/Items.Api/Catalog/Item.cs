using System.ComponentModel;
using System.Text.Json.Serialization;
using Items.Api.Http;

namespace Items.Api.Catalog;

/// <summary>
/// An item as it is stored and as clients see it. Its id is a number that the database counts up and never gives twice: short to
/// type and to measure with, and the order of ids is the order of creation, so that the list needs no other index.
/// </summary>
[Description("An item.")]
[ImmutableObject(true)] // once it is out of the store's hands
internal sealed class Item
{
    [JsonConstructor] // for the caches; clients send an ItemInput
    private Item(string name, string? description, decimal price, DateTimeOffset createdAt)
    {
        Name = name;
        Description = description;
        Price = price;
        CreatedAt = UpdatedAt = createdAt;
    }

    [Description("Made by the server, counts up, never used twice.")]
    [JsonInclude]
    public long Id { get; private set; }

    [Description("1 to 200 characters, not only white space.")]
    public string Name { get; private set; }

    [Description("Up to 2000 characters, or null.")]
    public string? Description { get; private set; }

    [Description("0 to 9999999999.99, with two decimals.")]
    public decimal Price { get; private set; }

    [Description("When the item was created (UTC, whole milliseconds).")]
    public DateTimeOffset CreatedAt { get; private set; }

    [Description("When the item was last changed (UTC, whole milliseconds). Never goes back.")]
    [JsonInclude]
    public DateTimeOffset UpdatedAt { get; private set; }

    [Description("1 when created, one more with each change.")]
    [JsonInclude]
    public long Version { get; private set; } = 1;

    /// <summary>
    /// Names this state of this item and no other. The version alone tells the states of one row apart; the time tells the row
    /// from its namesake in a database that was made anew while caches still held the old one's answers.
    /// </summary>
    [JsonIgnore]
    public EntityTag EntityTag => new($"{Id}-{Version}-{UpdatedAt.ToUnixTimeMilliseconds():x}");

    public static Item Create(ItemInput input, DateTimeOffset now) =>
        new(input.Name, input.Description, input.Price, WholeMilliseconds(now));

    /// <summary>Takes the new values and steps the version. A clock behind the last writer's does not turn the item's time back.</summary>
    public void Replace(ItemInput input, DateTimeOffset now)
    {
        now = WholeMilliseconds(now);
        (Name, Description, Price) = (input.Name, input.Description, input.Price);
        UpdatedAt = now > UpdatedAt ? now : UpdatedAt;
        Version++;
    }

    /// <summary>Both databases keep whole milliseconds exactly, so that what is answered now is what is read later.</summary>
    private static DateTimeOffset WholeMilliseconds(DateTimeOffset time) =>
        DateTimeOffset.FromUnixTimeMilliseconds(time.ToUnixTimeMilliseconds());
}
