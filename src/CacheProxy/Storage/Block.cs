using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace CacheProxy.Storage;

/// <summary>
/// Bytes outside the heap that the collector walks, and the count of those who hold them. They are given back with the last hold, so who reads
/// them holds them: <see cref="TryHold"/> fails once they are gone. A field of its owner, changed in place, and never copied.
/// </summary>
internal unsafe partial struct Block
{
    // Measured on glibc: the length is kept before the bytes, and all of it is a multiple of 16.
    private const int Header = 8, Granule = 16, Smallest = 32;

    // Of much more, what is waited for at its start is little.
    private const int CacheLine = 64, LongestPrefetch = 4 << 10;

    private static long _taken;

    private readonly byte* _bytes;
    private readonly int _length;
    private int _holds;

    /// <summary>Takes memory, which the caller holds.</summary>
    /// <param name="length">In bytes.</param>
    public Block(int length)
    {
        _bytes = (byte*)NativeMemory.Alloc((nuint)length);
        _length = length;
        _holds = 1;
        Interlocked.Add(ref _taken, Size(length));
    }

    /// <summary>Has the allocator give back to the system what is free. Where it knows no such thing, nothing happens.</summary>
    public static void ReturnFree()
    {
        try
        {
            if (OperatingSystem.IsLinux())
                _ = MallocTrim(0);
        }
        catch (EntryPointNotFoundException)
        {
            // not glibc
        }
    }

    /// <summary>What all blocks of the process take together, in bytes.</summary>
    public static long Taken => Interlocked.Read(ref _taken);

    /// <summary>What a block of that length takes in memory.</summary>
    public static int Size(int length) => Math.Max(Smallest, (length + Header + Granule - 1) & -Granule);

    /// <summary>To be used by who holds it, and no longer.</summary>
    public readonly Span<byte> Bytes => new(_bytes, _length);

    /// <summary>Tells the processor that the bytes will be copied, so that they come from memory while it does something else. Reads nothing, and needs no hold. Only x86 is told.</summary>
    public readonly void Prefetch()
    {
        if (!Sse.IsSupported)
            return;
        var end = _bytes + Math.Min(_length, LongestPrefetch);
        for (var line = (byte*)((nuint)_bytes & ~(nuint)(CacheLine - 1)); line < end; line += CacheLine)
            Sse.Prefetch0(line);
    }

    /// <returns>Whether the caller holds it now; <c>false</c> when it is gone.</returns>
    public bool TryHold()
    {
        for (var holds = Volatile.Read(ref _holds); holds > 0;)
        {
            var seen = Interlocked.CompareExchange(ref _holds, holds + 1, holds);
            if (seen == holds)
                return true;
            holds = seen;
        }
        return false;
    }

    /// <summary>Ends a hold.</summary>
    public void Release()
    {
        var holds = Interlocked.Decrement(ref _holds);
        if (holds > 0)
            return;
        if (holds < 0)
            throw new InvalidOperationException("A hold was ended that nobody had.");
        Interlocked.Add(ref _taken, -Size(_length));
        NativeMemory.Free(_bytes);
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int MallocTrim(nuint pad);
}
