using System.Linq.Expressions;
using System.Reflection;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Query;

namespace CacheProxy.Origin.Groups;

/// <summary>
/// Notes in a query, once when it is compiled, which sets it reads: as comments at the head of its SQL, where
/// <see cref="ReadGroups"/> finds them each time it runs.
/// </summary>
/// <remarks>
/// A set is read by every query on it but one kind: that finds rows by their whole primary key and gives them whole; it reads those rows alone, and
/// the set only if it finds none (for then an insert changes the answer). Whatever is not understood counts as reading the set.
/// </remarks>
internal sealed class QueryGroups : IQueryExpressionInterceptor
{
    public const string Reads = "cache-reads:";
    public const string Finds = "cache-finds:";

    /// <summary>The one: EF keeps what it builds for each set of singleton interceptors.</summary>
    public static readonly QueryGroups Instance = new();

    private static readonly MethodInfo TagWith = typeof(EntityFrameworkQueryableExtensions).GetMethod(nameof(EntityFrameworkQueryableExtensions.TagWith))!;

    public Expression QueryCompilationStarting(Expression queryExpression, QueryExpressionEventData eventData)
    {
        if (eventData.Context?.Model is not { } model)
            return queryExpression;
        var survey = new Survey(model);
        survey.Visit(queryExpression);
        var kind = survey.IsFind ? Finds : Reads;
        foreach (var root in survey.Roots)
            if (EntityGroups.Find(root.EntityType) is { } groups)
                queryExpression = new Noting(root, kind + groups.All).Visit(queryExpression);
        if (survey.Roots.FirstOrDefault() is { } first)
            foreach (var groups in survey.Navigated.Distinct())
                queryExpression = new Noting(first, Reads + groups.All).Visit(queryExpression);
        return queryExpression;
    }

    /// <summary>Wraps the first mention of a root in TagWith.</summary>
    private sealed class Noting(EntityQueryRootExpression root, string note) : ExpressionVisitor
    {
        private bool _isDone;

        protected override Expression VisitExtension(Expression node)
        {
            if (_isDone || node is not EntityQueryRootExpression found || !(ReferenceEquals(found, root) || found.EntityType == root.EntityType))
                return base.VisitExtension(node);
            _isDone = true;
            return Expression.Call(TagWith.MakeGenericMethod(found.ElementType), found, Expression.Constant(note));
        }
    }

    private sealed class Survey(IModel model) : ExpressionVisitor
    {
        private static readonly HashSet<string> HarmlessToFind =
        [
            "Where", "Single", "SingleOrDefault", "First", "FirstOrDefault", "Take", "AsNoTracking", "AsNoTrackingWithIdentityResolution",
            "AsTracking", "TagWith", "TagWithCallSite",
        ];

        private bool _hasKey;
        private bool _isMore;

        public List<EntityQueryRootExpression> Roots { get; } = [];

        /// <summary>Entities that are reached from others: their sets are read too.</summary>
        public List<EntityGroups> Navigated { get; } = [];

        public bool IsFind => _hasKey && !_isMore && Roots.Count == 1 && Navigated.Count == 0 && Roots[0].GetType() == typeof(EntityQueryRootExpression);

        protected override Expression VisitExtension(Expression node)
        {
            if (node is EntityQueryRootExpression root)
                Roots.Add(root);
            return node is QueryRootExpression ? node : base.VisitExtension(node);
        }

        protected override Expression VisitMethodCall(MethodCallExpression node)
        {
            var name = node.Method.Name;
            if (name == nameof(EntityFrameworkQueryableExtensions.Include) && node.Arguments[^1] is ConstantExpression { Value: string })
                Navigated.AddRange(model.GetEntityTypes().Select(EntityGroups.Find).OfType<EntityGroups>());
            if (node.Method.DeclaringType == typeof(Queryable) || node.Method.DeclaringType == typeof(EntityFrameworkQueryableExtensions))
            {
                _isMore |= !HarmlessToFind.Contains(name);
                if (node.Arguments.Count > 1 && Lambda(node.Arguments[1]) is { Parameters.Count: 1 } predicate && HasWholeKey(predicate))
                    _hasKey = true;
            }
            return base.VisitMethodCall(node);
        }

        protected override Expression VisitMember(MemberExpression node)
        {
            var type = node.Type.IsGenericType && node.Type != typeof(string) ? node.Type.GetGenericArguments()[0] : node.Type;
            if (node.Expression is not null && EntityGroups.Find(model.FindEntityType(type)) is { } groups)
                Navigated.Add(groups);
            return base.VisitMember(node);
        }

        private static LambdaExpression? Lambda(Expression argument) =>
            argument as LambdaExpression ?? (argument as UnaryExpression)?.Operand as LambdaExpression;

        /// <summary>Whether all properties of the primary key are said to equal something that is not of the row.</summary>
        private bool HasWholeKey(LambdaExpression predicate)
        {
            var row = predicate.Parameters[0];
            if (model.FindEntityType(row.Type)?.FindPrimaryKey() is not { } key)
                return false;
            var fixedNames = new HashSet<string>(StringComparer.Ordinal);
            Collect(predicate.Body);
            return key.Properties.All(property => fixedNames.Contains(property.Name));

            void Collect(Expression expression)
            {
                if (expression is BinaryExpression { NodeType: ExpressionType.AndAlso } and)
                {
                    Collect(and.Left);
                    Collect(and.Right);
                }
                else if (expression is BinaryExpression { NodeType: ExpressionType.Equal } equal)
                {
                    Side(equal.Left, equal.Right);
                    Side(equal.Right, equal.Left);
                }
                else if (expression is MethodCallExpression { Method.Name: nameof(object.Equals), Arguments.Count: 2 } equals)
                {
                    Side(equals.Arguments[0], equals.Arguments[1]); // what Find makes
                    Side(equals.Arguments[1], equals.Arguments[0]);
                }
            }

            void Side(Expression property, Expression value)
            {
                while (property is UnaryExpression { NodeType: ExpressionType.Convert } convert)
                    property = convert.Operand;
                var name = property switch
                {
                    MemberExpression member when member.Expression == row => member.Member.Name,
                    MethodCallExpression { Method.Name: nameof(EF.Property) } call when call.Arguments[0] == row
                        && call.Arguments[1] is ConstantExpression { Value: string text } => text,
                    _ => null,
                };
                if (name is not null && !new Mentions(row).In(value))
                    fixedNames.Add(name);
            }
        }
    }

    private sealed class Mentions(ParameterExpression row) : ExpressionVisitor
    {
        private bool _isFound;

        public bool In(Expression expression)
        {
            Visit(expression);
            return _isFound;
        }

        protected override Expression VisitParameter(ParameterExpression node)
        {
            _isFound |= node == row;
            return node;
        }

        protected override Expression VisitExtension(Expression node) => node; // parameters of the query and the like
    }
}
