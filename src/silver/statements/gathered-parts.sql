ALTER TABLE gathered_judged RENAME TO judged;
ALTER TABLE gathered_refused RENAME TO refused
