# Build from the repository's root: docker build -f docker/CacheProxy.Host.Dockerfile .
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /source

# Project files alone: this layer is built again only when a dependency changes.
COPY global.json Directory.Build.props Directory.Packages.props ./
COPY src/CacheProxy/CacheProxy.csproj src/CacheProxy/
COPY src/CacheProxy.Coherence/CacheProxy.Coherence.csproj src/CacheProxy.Coherence/
COPY src/CacheProxy.Host/CacheProxy.Host.csproj src/CacheProxy.Host/
RUN dotnet restore src/CacheProxy.Host --use-current-runtime -p:PublishReadyToRun=true

# ReadyToRun starts without waiting for the JIT; tiering and its profiles still recompile what is hot.
COPY . .
RUN dotnet publish src/CacheProxy.Host -c Release --use-current-runtime --no-self-contained -p:PublishReadyToRun=true -o /app

FROM mcr.microsoft.com/dotnet/aspnet:10.0
WORKDIR /app
COPY --from=build /app .
# In hexadecimal, 512 KiB: what has survived one collection is collected again before it is much, so that no pause is long (src/CacheProxy/docs/performance.md).
ENV DOTNET_GCGen1MaxBudget=80000
USER $APP_UID
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["dotnet", "CacheProxy.Host.dll", "--health"]
ENTRYPOINT ["dotnet", "CacheProxy.Host.dll"]
