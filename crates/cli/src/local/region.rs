//! What: Whether the AWS region that the environment names can be one.
//!
//! If it is none, the SDK looks for its services where nothing is.

use anyhow::bail;

use giro::aws::variable;

/// The variables that name a region, the first before the second.
const VARIABLES: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// Looks at the region that the environment names, if it names one.
///
/// # Errors
/// With the variable, if what it holds can't be a region.
pub(crate) fn check_region() -> anyhow::Result<()> {
    let named = VARIABLES.into_iter().find_map(|name| Some((name, variable(name)?)));
    match named {
        Some((name, region)) if !is_region(&region) => {
            bail!("{name}: expected a region of AWS, such as eu-central-1, and got '{region}'")
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether a text is built as regions are: words with hyphens between, and a number at the end. Which regions there are
/// is AWS's to know: it opens new ones.
fn is_region(text: &str) -> bool {
    let Some((place, number)) = text.rsplit_once('-') else { return false };
    let mut words = place.split('-');
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_number = !number.is_empty() && number.len() <= 2 && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number && place.contains('-') && words.all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_told_by_how_they_are_built() {
        for good in
            ["eu-central-1", "ap-southeast-7", "us-gov-west-1", "us-isob-east-1", "cn-north-1", "eusc-de-east-1"]
        {
            assert!(is_region(good), "{good}");
        }
        for bad in
            ["", "nowhere", "eu", "eu-central", "eu-1", "EU-CENTRAL-1", "eu central 1", "eu-central-1a", "eu--1-1"]
        {
            assert!(!is_region(bad), "{bad}");
        }
        for bad in ["eu-central-", "-central-1", "eu-central-1/", "eu-central-111", "a.b/eu-central-1", "é-central-1"]
        {
            assert!(!is_region(bad), "{bad}");
        }
    }
}
