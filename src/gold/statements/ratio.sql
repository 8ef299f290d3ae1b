-- a / b to two places, exact and rounded once, half away from zero; null where b is 0 (domain section 4).
-- Whole numbers throughout: in doubles round() is wrong on one case in some hundred.
CREATE OR REPLACE MACRO ratio(a, b) AS
  CASE WHEN b > 0 THEN (
    (CASE WHEN a < 0 THEN -1 ELSE 1 END * ((200 * abs(a::HUGEINT) + b::HUGEINT) // (2 * b::HUGEINT)))::DECIMAL(18, 0)
    * 0.01::DECIMAL(3, 2)
  )::DECIMAL(18, 2) END
