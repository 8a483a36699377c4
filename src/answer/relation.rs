//! Equations, inequalities and what follows from several of them.

use super::compare;
use super::decide::{self, Decision};
use super::exact;
use super::expr::Expr;
use super::func::Fun;
use super::meter::{Meter, READING};
use super::names;
use super::normal::{self, Atom};
use super::rat::Rat;
use super::read;
use super::region::{End, Region};
use super::text;
use super::token::{P, Token, nesting};
use super::value::{Relation, Value};

fn is_sign(p: P) -> bool {
    matches!(p, P::Eq | P::Ne | P::Lt | P::Gt | P::Le | P::Ge | P::Approx | P::In)
}

/// Reads an element that has a relation sign outside of brackets; `None` where there is none.
pub(super) fn read(
    t: &[Token],
    depth: u32,
    list: &dyn Fn(&[Token], u32) -> Value,
    meter: &Meter,
) -> Option<Value> {
    meter.pay(2 * t.len() as u64)?;
    let mut level = 0;
    let (mut signs, mut sides, mut start) = (Vec::new(), Vec::new(), 0);
    for (i, token) in t.iter().enumerate() {
        level += nesting(&token.tok);
        if level == 0
            && let Some(p) = token.p()
            && is_sign(p)
        {
            signs.push(p);
            sides.push(&t[start..i]);
            start = i + 1;
        }
    }
    sides.push(&t[start..]);
    if signs.is_empty() || sides.iter().any(|side| side.is_empty()) {
        return None;
    }
    // The sides are looked at as names, as values and as expressions.
    meter.pay(100 + 20 * t.len() as u64)?;
    let words = || Value::Text(text::key(t).into());
    if let [first, .., last] = t
        && first.is(P::Lt)
        && last.is(P::Gt)
    {
        return None;
    }
    // Rounded values follow an exact one: keep the exact one if they agree.
    if let Some(at) = signs.iter().position(|&p| p == P::Approx) {
        if at == 0 && signs.len() == 1 && names::name(sides[0]).is_some() {
            return Some(list(sides[1], depth + 1));
        }
        let exact = t.split(|x| x.is(P::Approx)).next().map(|part| list(part, depth + 1));
        let rounded = list(sides[sides.len() - 1], depth + 1);
        return Some(exact.filter(|exact| close(exact, &rounded, meter)).unwrap_or_else(words));
    }
    if signs == [P::In] {
        let value = list(sides[1], depth + 1);
        return Some(if names::name(sides[0]).is_some() { value } else { words() });
    }
    if signs.contains(&P::In) {
        return Some(words());
    }
    if signs.iter().all(|&p| p == P::Eq) {
        return Some(equation(&sides, depth, list, meter).unwrap_or_else(words));
    }
    Some(inequality(&sides, &signs, meter).unwrap_or_else(words))
}

/// Whether a rounded value belongs to an exact one: within five percent, or neither is a number.
fn close(exact: &Value, rounded: &Value, meter: &Meter) -> bool {
    let number = |value: &Value| match value {
        Value::Named(_, value, _) => value.expr().and_then(|e| decide::constant(e, meter)),
        value => value.expr().and_then(|e| decide::constant(e, meter)),
    };
    match (number(exact), number(rounded)) {
        (Some(a), Some(b)) => {
            let (a, b) = (a.to_f64(), b.to_f64());
            (a - b).abs() <= 0.05 * a.abs().max(b.abs())
        }
        _ => false,
    }
}

/// `a = b`, `a = b = c`.
fn equation(
    sides: &[&[Token]],
    depth: u32,
    list: &dyn Fn(&[Token], u32) -> Value,
    meter: &Meter,
) -> Option<Value> {
    let (first, last) = (*sides.first()?, *sides.last()?);
    if let Some(count) = names::tuple(first) {
        let value = list(last, depth + 1);
        let fits = matches!(&value, Value::Tuple(_, _, items) if items.len() == count);
        return (fits && sides.len() == 2).then_some(value);
    }
    let name = names::name(first);
    let values: Vec<Value> =
        sides[usize::from(name.is_some())..].iter().map(|s| list(s, depth + 1)).collect();
    if !agree(&values, meter) {
        return None;
    }
    let expressions = || -> Option<Box<Relation>> {
        let [a, b] = sides else { return None };
        let (a, b) = (read::side(a, meter)?, read::side(b, meter)?);
        Some(Box::new(Relation { sides: vec![a.expr, b.expr], signs: vec![P::Eq] }))
    };
    if let Some(name) = name {
        let value = values.into_iter().next_back()?;
        // `y = y + 1` names nothing.
        let relation = expressions();
        let own = relation.as_ref().is_some_and(|r| match &r.sides[0] {
            Expr::Sym(symbol) => r.sides[1].any(|part| matches!(part, Expr::Sym(s) if s == symbol)),
            _ => false,
        });
        return Some(match relation {
            Some(relation) if own => Value::Relation(relation),
            relation => Value::Named(name, Box::new(value), relation),
        });
    }
    if sides.len() == 2 {
        // `5 = x`.
        let constant = values[0].expr().is_some_and(|e| !e.has_variables());
        if constant && let Some(name) = names::name(last) {
            let value = values.into_iter().next()?;
            return Some(Value::Named(name, Box::new(value), expressions()));
        }
    }
    let constants =
        values.iter().all(|v| matches!(v, Value::Quantity(q) if !q.expr.has_variables()));
    if constants {
        // All agree: the last one is the result.
        return values.into_iter().next_back();
    }
    expressions().map(Value::Relation)
}

/// Whether all constants of a chain have one value.
fn agree(values: &[Value], meter: &Meter) -> bool {
    let mut constants =
        values.iter().filter(|v| matches!(v, Value::Quantity(q) if !q.expr.has_variables()));
    let Some(first) = constants.next() else { return true };
    constants.all(|other| compare::grade(first, other, compare::LENIENT, meter) == Decision::Equal)
}

/// A chain of inequalities, as a set of numbers where it is one.
fn inequality(sides: &[&[Token]], signs: &[P], meter: &Meter) -> Option<Value> {
    let sides: Vec<Expr> =
        sides.iter().map(|s| read::side(s, meter).map(|q| q.expr)).collect::<Option<_>>()?;
    if let Some(region) = region(&sides, signs, meter) {
        return Some(Value::Region(region));
    }
    Some(Value::Relation(Box::new(Relation { sides, signs: signs.to_vec() })))
}

/// The numbers that satisfy a chain of inequalities in one variable.
fn region(sides: &[Expr], signs: &[P], meter: &Meter) -> Option<Region> {
    let mut total = Region::all();
    for (pair, &sign) in sides.windows(2).zip(signs) {
        total = total.intersection(&half_line(&pair[0], &pair[1], sign, meter)?, meter)?;
    }
    let same = one_subject(sides);
    same.then_some(total)
}

/// Whether all sides that are not constants are about the same variable.
fn one_subject(sides: &[Expr]) -> bool {
    let mut names: Vec<Box<str>> = Vec::new();
    for side in sides {
        if let Expr::Call(name, _) = side {
            names.push(name.clone());
        } else {
            names.extend(side.variables());
        }
    }
    names.sort_unstable();
    names.dedup();
    names.len() == 1
}

/// `a x + b < c x + d` solved for `x`.
fn half_line(left: &Expr, right: &Expr, sign: P, meter: &Meter) -> Option<Region> {
    match (left, right) {
        (Expr::Fun(Fun::Abs, inner), limit) if !limit.has_variables() => {
            return distance(inner.first()?, limit, sign, meter);
        }
        (limit, Expr::Fun(Fun::Abs, inner)) if !limit.has_variables() => {
            return distance(inner.first()?, limit, mirrored(sign), meter);
        }
        _ => {}
    }
    let subject = |e: &Expr| matches!(e, Expr::Sym(_) | Expr::Call(..));
    let (at, flipped) = if subject(left) && !right.has_variables() {
        (right.clone(), false)
    } else if subject(right) && !left.has_variables() {
        (left.clone(), true)
    } else {
        let difference = left.clone().plus(right.clone().neg());
        let names = difference.variables();
        let [name] = names.as_slice() else { return None };
        let value = |x: i64| exact::value(&difference, &[(name, Rat::int(x))], meter);
        let Some(zero) = value(0) else {
            let (at, falling) =
                meter.lend(READING / 4, |part| irrational_root(&difference, name, part))?;
            return beyond(at, if falling { mirrored(sign) } else { sign }, meter);
        };
        let (one, seven) = (value(1)?, value(7)?);
        if zero.bits() + one.bits() + seven.bits() > 1024 {
            return None;
        }
        let slope = one.sub(&zero);
        let linear = seven == zero.add(&slope.mul(&Rat::int(7)))
            && value(-3)? == zero.sub(&slope.mul(&Rat::int(3)));
        if !linear || slope.is_zero() {
            return None;
        }
        let at = zero.neg().mul(&slope.recip()?);
        (Expr::Num(at), slope.is_negative())
    };
    beyond(at, if flipped { mirrored(sign) } else { sign }, meter)
}

/// `|a x + b| < c` and the like: both sides of zero.
fn distance(inner: &Expr, limit: &Expr, sign: P, meter: &Meter) -> Option<Region> {
    // With two signs of absolute values inside of each other there is nothing linear left.
    if !inner.has_variables() || matches!(inner, Expr::Fun(..)) {
        return None;
    }
    let above = half_line(inner, limit, sign, meter)?;
    let below = half_line(inner, &limit.clone().neg(), mirrored(sign), meter)?;
    match sign {
        P::Lt | P::Le => above.intersection(&below, meter),
        P::Gt | P::Ge => above.union(&below, meter),
        _ => None,
    }
}

/// Where `a x + b` is zero, and whether it falls, for constants that are not both rational.
fn irrational_root(difference: &Expr, name: &str, meter: &Meter) -> Option<(Expr, bool)> {
    let value = |x: Rat| {
        difference.clone().map(&|part| match part {
            Expr::Sym(symbol) if *symbol == *name => Expr::Num(x.clone()),
            other => other,
        })
    };
    meter.pay(200)?;
    let zero = value(Rat::ZERO);
    // A rational slope is a coefficient of the normal form.
    let form = normal::normal(difference, meter)?;
    let symbol = vec![(Atom::Sym(name.into()), Rat::ONE)];
    if let Some(slope) = form.terms.get(&symbol)
        && form.terms.keys().all(|term| *term == symbol || !normal::has_variables(term))
    {
        let at = Expr::Num(slope.neg().recip()?).times(zero);
        return Some((at, slope.is_negative()));
    }
    let slope = value(Rat::ONE).plus(zero.clone().neg());
    for x in [Rat::int(-3), Rat::Small(22, 7)] {
        let line = zero.clone().plus(Expr::Num(x.clone()).times(slope.clone()));
        if decide::equal(&value(x), &line, meter) != Decision::Equal {
            return None;
        }
    }
    let falling = match decide::order(&slope, &Expr::int(0), meter)? {
        std::cmp::Ordering::Less => true,
        std::cmp::Ordering::Greater => false,
        std::cmp::Ordering::Equal => return None,
    };
    Some((zero.neg().over(slope), falling))
}

/// The numbers on one side of another.
fn beyond(at: Expr, sign: P, meter: &Meter) -> Option<Region> {
    match sign {
        P::Lt => Region::below(at, false, meter),
        P::Le => Region::below(at, true, meter),
        P::Gt => Region::above(at, false, meter),
        P::Ge => Region::above(at, true, meter),
        P::Ne => Region::point(at, meter)?.complement(meter),
        P::Eq => Region::point(at, meter),
        _ => None,
    }
}

/// The sign as seen from the other side.
pub(super) fn mirrored(sign: P) -> P {
    match sign {
        P::Lt => P::Gt,
        P::Gt => P::Lt,
        P::Le => P::Ge,
        P::Ge => P::Le,
        other => other,
    }
}

/// Makes one value of several with their separators.
pub(super) fn combine(mut values: Vec<(Option<P>, Value)>, meter: &Meter) -> Value {
    let regions = values.iter().filter(|(_, v)| matches!(v, Value::Region(_))).count();
    if regions == values.len()
        && let Some(region) = combined_region(&values, meter)
    {
        return Value::Region(region);
    }
    // `x \ne 1, 2`: the rest of the list belongs to the sign.
    if regions == 1
        && let Some((_, Value::Region(first))) = values.first()
        && let Some(rest) = first.complement(meter)
        && rest.points().is_some_and(|p| p.len() == 1)
        && values[1..].iter().all(|(_, v)| v.expr().is_some_and(|e| !e.has_variables()))
    {
        let mut excluded = Some(rest);
        for (_, value) in &values[1..] {
            let point = value.expr().cloned().and_then(|at| Region::point(at, meter));
            excluded = excluded.zip(point).and_then(|(all, point)| all.union(&point, meter));
        }
        if let Some(region) = excluded.and_then(|all| all.complement(meter)) {
            return Value::Region(region);
        }
    }
    let names: Vec<Option<Box<str>>> = values
        .iter()
        .map(|(_, v)| match v {
            Value::Named(name, ..) => Some(name.clone()),
            _ => None,
        })
        .collect();
    if let Some(first) = names.first().cloned().flatten() {
        let all_named = names.iter().all(Option::is_some);
        let same = names.iter().all(|name| name.as_ref() == Some(&first));
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        if all_named && sorted.len() == names.len() {
            // Several things with names, as a tuple that knows its names; `y=2, x=1` is the point (1, 2).
            let name = |v: &Value| match v {
                Value::Named(name, ..) => name.clone(),
                _ => "".into(),
            };
            if names.iter().flatten().all(|name| matches!(&**name, "x" | "y" | "z")) {
                values.sort_by_key(|(_, value)| name(value));
            }
            return Value::Tuple(
                P::LBrace,
                P::RBrace,
                values.into_iter().map(|(_, v)| v).collect(),
            );
        }
        let only_first = names[1..].iter().all(Option::is_none);
        if same || only_first {
            for (_, value) in &mut values {
                if let Value::Named(_, inner, _) = value {
                    let inner = std::mem::replace(&mut **inner, Value::Text("".into()));
                    *value = inner;
                }
            }
        }
    }
    Value::List(values.into_iter().map(|(_, value)| value).collect())
}

/// What sets of numbers have in common; `None` if one is something else.
pub(super) fn intersection(values: &[Value], meter: &Meter) -> Option<Region> {
    let mut common = Region::all();
    for value in values {
        let Value::Region(region) = value else { return None };
        common = common.intersection(region, meter)?;
    }
    Some(common)
}

/// `or` joins sets, `and` intersects them; a comma intersects unless nothing would be left.
fn combined_region(values: &[(Option<P>, Value)], meter: &Meter) -> Option<Region> {
    let mut total: Option<Region> = None;
    for (separator, value) in values {
        let Value::Region(region) = value else { return None };
        total = Some(match (&total, separator) {
            (None, _) => region.clone(),
            (Some(total), Some(P::Or)) => total.union(region, meter)?,
            (Some(total), Some(P::And)) => total.intersection(region, meter)?,
            (Some(total), _) => {
                let both = total.intersection(region, meter)?;
                if both.pieces.is_empty() { total.union(region, meter)? } else { both }
            }
        });
    }
    total
}

/// An interval with the brackets of a tuple.
pub(super) fn interval(
    open: P,
    close: P,
    low: &Expr,
    high: &Expr,
    meter: &Meter,
) -> Option<Region> {
    let low = End { at: low.clone(), closed: open == P::LBrack };
    let high = End { at: high.clone(), closed: close == P::RBrack };
    Region::interval(low, high, meter)
}

/// A sign as LaTeX.
pub(super) fn symbol(p: P) -> &'static str {
    match p {
        P::Eq => "=",
        P::Ne => "\\ne",
        P::Lt => "<",
        P::Gt => ">",
        P::Le => "\\le",
        _ => "\\ge",
    }
}
