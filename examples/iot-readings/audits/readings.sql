-- A reading was measured before it was told.
FROM rows WHERE measured_at > produced_at
