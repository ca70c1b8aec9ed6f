"""Write a data set again without what an audit finds in it, and say of every row that left why it did."""
