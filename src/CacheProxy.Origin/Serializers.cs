using System.Buffers;
using System.Collections.Concurrent;
using System.ComponentModel;
using System.Reflection;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;

namespace CacheProxy.Origin;

/// <summary>
/// Which serializer a type has: its own <see cref="IHybridCacheSerializer{T}"/>, else the first factory's that makes one (the last registered is asked
/// first), else text and bytes as they are, else JSON.
/// </summary>
internal sealed class Serializers(IServiceProvider services)
{
    private readonly IHybridCacheSerializerFactory[] _factories = [.. services.GetServices<IHybridCacheSerializerFactory>().Reverse()];
    private readonly ConcurrentDictionary<Type, object> _known = new();

    public IHybridCacheSerializer<T> For<T>() =>
        (IHybridCacheSerializer<T>)(_known.TryGetValue(typeof(T), out var known) ? known : _known.GetOrAdd(typeof(T), _ => Find<T>()));

    private IHybridCacheSerializer<T> Find<T>()
    {
        if (services.GetService<IHybridCacheSerializer<T>>() is { } own)
            return own;
        foreach (var factory in _factories)
            if (factory.TryCreateSerializer<T>(out var made))
                return made;
        object plain = typeof(T) == typeof(string) ? new TextSerializer() : typeof(T) == typeof(byte[]) ? new BytesSerializer() : new JsonSerializer<T>();
        return (IHybridCacheSerializer<T>)plain;
    }

    private sealed class TextSerializer : IHybridCacheSerializer<string>
    {
        public string Deserialize(ReadOnlySequence<byte> source) => Encoding.UTF8.GetString(source);

        public void Serialize(string value, IBufferWriter<byte> target) => Encoding.UTF8.GetBytes(value, target);
    }

    private sealed class BytesSerializer : IHybridCacheSerializer<byte[]>
    {
        public byte[] Deserialize(ReadOnlySequence<byte> source) => source.ToArray();

        public void Serialize(byte[] value, IBufferWriter<byte> target) => target.Write(value);
    }

    private sealed class JsonSerializer<T> : IHybridCacheSerializer<T>
    {
        public T Deserialize(ReadOnlySequence<byte> source)
        {
            var reader = new Utf8JsonReader(source);
            return JsonSerializer.Deserialize<T>(ref reader)!;
        }

        public void Serialize(T value, IBufferWriter<byte> target)
        {
            using var writer = new Utf8JsonWriter(target);
            JsonSerializer.Serialize(writer, value);
        }
    }
}

/// <summary>Whether objects of a type may be given to many callers: they cannot change, or say so (<see cref="ImmutableObjectAttribute"/>, on a sealed type).</summary>
internal static class Immutable<T>
{
    public static readonly bool Is = IsImmutable(Nullable.GetUnderlyingType(typeof(T)) ?? typeof(T));

    private static bool IsImmutable(Type type) =>
        type == typeof(string) || type.IsPrimitive || type.IsEnum || type == typeof(decimal) || type == typeof(Guid) || type == typeof(DateTime)
        || type == typeof(DateTimeOffset) || type == typeof(DateOnly) || type == typeof(TimeOnly) || type == typeof(TimeSpan) || type == typeof(Uri)
        || ((type.IsSealed || type.IsValueType) && type.GetCustomAttribute<ImmutableObjectAttribute>() is { Immutable: true });
}
