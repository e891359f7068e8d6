using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Loader;

namespace Items.Api.Database;

/// <summary>
/// Lets Microsoft.Data.Sqlite 10 run on SQLitePCLRaw 2.0.6: it asks for a newer SQLitePCLRaw.core than every registry serves, of
/// which it needs nothing but <c>load_extension</c>. And prefers the system's libsqlite3, where there is one, to the bundled 3.35.
/// </summary>
internal static class SqliteLoader
{
    // A library must not run code on its own when it is loaded (CA2255), but this is a program, and there is no later moment.
#pragma warning disable CA2255
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void Install()
    {
        AssemblyLoadContext.Default.Resolving += static (context, name) => name.Name == "SQLitePCLRaw.core"
            ? context.LoadFromAssemblyPath(Path.Combine(AppContext.BaseDirectory, "SQLitePCLRaw.core.dll"))
            : null;
        NativeLibrary.SetDllImportResolver(Assembly.Load("SQLitePCLRaw.provider.e_sqlite3"),
            static (library, _, _) => library == "e_sqlite3" && NativeLibrary.TryLoad("libsqlite3.so.0", out var handle) ? handle : 0);
    }
}
